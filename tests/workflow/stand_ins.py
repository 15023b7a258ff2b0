"""The local stand-ins for GitHub's actions: `python stand_ins.py ACTION`, with inputs in environment variables.

They do what the real ones do as far as a workflow can notice: `upload-artifact` refuses a second artifact of the same
name, `checkout` fetches one commit unless told otherwise. STAND_IN_FOLDER has one folder for each kind of result.
"""

import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(os.environ["STAND_IN_FOLDER"])
ARTIFACTS = FOLDER / "artifacts"


def checkout() -> None:
    """Fetch the run's commit, or with a depth of 0 every branch and tag."""
    name, commit = os.environ["GITHUB_REF"], os.environ["GITHUB_SHA"]
    depth = os.environ["FETCH_DEPTH"]
    _git("init", "--quiet", "--initial-branch=main", ".")
    source = FOLDER.joinpath("remote.txt").read_text(encoding="utf-8")
    _git("remote", "add", "origin", "https://github.com/owner/tiny")
    own = name if name.startswith("refs/tags/") else name.replace("refs/heads/", "refs/remotes/origin/")
    if depth == "0":
        _git("fetch", "--quiet", "--tags", source, "+refs/heads/*:refs/remotes/origin/*")
    else:
        _git("fetch", "--quiet", "--no-tags", f"--depth={depth}", source, f"+{commit}:{own}")
    _git("checkout", "--quiet", "--detach", commit)


def setup_uv() -> None:
    """Put the programs of this run on the PATH."""
    _append("GITHUB_PATH", os.environ["STAND_IN_PROGRAMS"])


def upload_artifact() -> None:
    """Keep a file, or the content of a folder. An artifact of the same run is only replaced if that's wanted."""
    place, target = Path(os.environ["FILES"]), ARTIFACTS / os.environ["NAME"]
    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    files = [path for path in files if path.is_file()]
    if not os.environ["NAME"] or not os.environ["FILES"]:
        raise SystemExit("an artifact needs a name and a path")
    if not files:
        print(f"no files were found at {place}")
        raise SystemExit(1 if os.environ["IF_NO_FILES_FOUND"] == "error" else 0)
    if target.exists():
        if os.environ["OVERWRITE"] != "true":
            raise SystemExit(f"409 Conflict: an artifact with the name {target.name} already exists in this run")
        shutil.rmtree(target)
    for path in files:
        copy = target / (path.relative_to(place) if place.is_dir() else path.name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def download_artifact() -> None:
    """Copy the artifacts of this name or pattern; each into a folder of its own unless they are merged."""
    name, pattern, into = os.environ["NAME"], os.environ["PATTERN"] or "*", Path(os.environ["FOLDER"] or ".")
    targets = {ARTIFACTS / name: into} if name else {}
    for artifact in sorted(ARTIFACTS.iterdir() if ARTIFACTS.is_dir() and not name else []):
        if fnmatch.fnmatchcase(artifact.name, pattern):
            targets[artifact] = into if os.environ["MERGE"] == "true" else into / artifact.name
    for artifact, target in targets.items():
        shutil.copytree(artifact, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    files = [
        target / path.relative_to(artifact) for artifact, target in targets.items() for path in artifact.rglob("*")
    ]
    with (FOLDER / "downloaded.txt").open("a", encoding="utf-8") as log:
        log.writelines(f"{path.as_posix()}\n" for path in files if path.is_file())


def attest() -> None:
    """Write down the digests of the files, and whether there is a draft and nothing public yet.

    Raises `SystemExit` if a pattern matches nothing.
    """
    lines = os.environ["SUBJECTS"].split()
    paths = [path for line in lines for path in sorted(Path.cwd().glob(line))]
    if not paths:
        raise SystemExit(f"could not find subjects at {lines}")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    path = FOLDER / "attested.json"
    listed = _output("gh", "api", "repos/owner/tiny/releases")
    drafts = [release["draft"] for release in json.loads(listed)]
    is_first = path.exists() or (any(drafts) and all(drafts))
    path.write_text(json.dumps({"digests": digests, "is_first": is_first}), encoding="utf-8")


def _git(*args: str) -> None:
    subprocess.run(["git", *args], check=True)


def _output(*args: str) -> str:
    environment = {**os.environ, "GH_TOKEN": "a-token-of-the-tests"}
    return subprocess.run(args, env=environment, check=True, capture_output=True, encoding="utf-8").stdout


def _append(variable: str, line: str) -> None:
    with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    {
        "checkout": checkout,
        "setup-uv": setup_uv,
        "upload-artifact": upload_artifact,
        "download-artifact": download_artifact,
        "attest": attest,
    }[sys.argv[1]]()
