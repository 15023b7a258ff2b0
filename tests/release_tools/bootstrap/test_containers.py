"""Docker and podman are fakes that run the container's command on this machine."""

import itertools
import json
import os
import platform
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from release_tools.bootstrap import sessions
from release_tools.bootstrap.container_mounts import Mount, mounts_for, variables_for
from release_tools.bootstrap.containers import Container, build_in_container, find_program, with_own_user
from release_tools.bootstrap.hosts import is_emulated
from release_tools.bootstrap.up_to_date import STAMP
from release_tools.errors import (
    ContainerError,
    KilledError,
    MissingEmulatorError,
    NoContainerProgramError,
    ReportedError,
    RequestError,
)
from release_tools.platforms import PLATFORMS, find_platform
from release_tools.settings import ContainerSettings, ReleaseSettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these paths nor these users")

ARM64 = find_platform("linux-arm64")
IMAGE = "registry.example/arm64"
ARCHIVE = "dist/tiny-dev-linux-arm64.tar.gz"

FAKE = """\
#!{python}
import json, os, pathlib, signal, subprocess, sys
here, args = pathlib.Path(__file__).parent, sys.argv[1:]
name = pathlib.Path(__file__).name
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([name, *args]) + "\\n")
behaviour = json.loads((here / f"{{name}}.json").read_text())
if args[0] != "run" or "run" in behaviour:
    code, text = behaviour.get(args[0], [0, ""])
    print(text)
    print(behaviour.get("warning", ""), file=sys.stderr, end="")
    sys.exit(code)
if "--name" in args and behaviour.get("interrupt"):
    os.kill(os.getppid(), signal.SIGINT)
    sys.exit(130)
inner = args[args.index("--entrypoint") + 3:]
may_write = behaviour.get("user") in (None, args[args.index("--user") + 1])
print(behaviour.get("warning", ""), file=sys.stderr, end="")
variables = dict(PATH=str(here / "inside")) | ({{}} if may_write else dict(READ_ONLY="1"))
sys.exit(subprocess.run(["/bin/sh", *inner], env=variables).returncode)
"""


class Fakes:
    """The only folder on the PATH, with fake container programs, and the calls they received."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inside = folder / "inside"
        self.inside.mkdir(parents=True)
        self.put_inside("uname", "echo aarch64")
        self.put_inside("touch", f'[ -n "$READ_ONLY" ] || {shutil.which("touch")} "$1"')
        self.put_inside("git", "")
        self.put_inside("uv", 'echo "uv got: $*"')

    def put_inside(self, name: str, script: str) -> None:
        """Add a program to the fake image."""
        path = self.inside / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def install(self, name: str, **behaviour: object) -> None:
        """Add a container program to the PATH. `behaviour` maps its first argument to an exit code and an output."""
        path = self.folder / name
        path.write_text(FAKE.format(python=sys.executable), encoding="utf-8")
        path.chmod(0o755)
        (self.folder / f"{name}.json").write_text(json.dumps({"image": [0, "arm64"], **behaviour}), encoding="utf-8")

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    fakes = Fakes(tmp_path / "path")
    monkeypatch.setenv("PATH", str(fakes.folder))
    return fakes


def put_nox(root: Path, script: str = f'echo "Python got: $*"; echo built > {ARCHIVE}') -> None:
    """Add a fake Python with Nox where uv would create it inside. It writes an archive."""
    (root / "dist").mkdir(exist_ok=True)
    python = root / "build" / "linux-arm64" / "nox" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)


def start_build(settings: ReleaseSettings, *build_args: str) -> None:
    build_in_container(settings, ARM64, IMAGE, (settings.root / ARCHIVE, settings.root / STAMP), build_args)


def example() -> Container:
    return Container(program="podman", image=IMAGE, platform=ARM64, folder=Path("/home/me/app"))


def test_only_linux_amd64_builds_in_a_container() -> None:
    emulated = [pair for pair in itertools.product(PLATFORMS, PLATFORMS) if is_emulated(*pair)]
    assert emulated == [(find_platform("linux-amd64"), ARM64)]


def test_command_line_of_a_container() -> None:
    container = Container(
        program="docker",
        image=IMAGE,
        platform=ARM64,
        folder=Path("/home/me/app"),
        name="build-1",
        user="1000:1000",
        mounts=(Mount(source=Path("/home/me/app"), target="/home/me/app", is_writable=True),),
        variables=("HOME=/home/me/app/build/home", "CI"),
        options=("--memory", "4g"),
    )
    before_image = (
        "docker run --rm --name build-1 --platform linux/arm64 --user 1000:1000 --security-opt label=disable "
        "--mount type=bind,source=/home/me/app,target=/home/me/app --workdir /home/me/app "
        "--env HOME=/home/me/app/build/home --env CI --memory 4g --entrypoint sh"
    )
    assert container.arguments("exit $1", "3") == [*before_image.split(), IMAGE, "-c", "exit $1", "sh", "3"]


def test_terminal_is_forwarded_if_there_is_one() -> None:
    assert "--tty" in replace(example(), has_terminal=True).arguments("true")
    assert "--tty" not in example().arguments("true")


def test_mount_path_may_contain_a_comma() -> None:
    mount = Mount(source=Path("/a,b"), target="/c")
    assert str(mount) == 'type=bind,"source=/a,b",target=/c,readonly'


def test_plain_checkout_is_the_only_mount() -> None:
    root = Path("/home/me/app")
    assert mounts_for(root, (root, root / ".git"), None, {}) == (
        Mount(source=root, target=str(root), is_writable=True),
    )


def test_linked_worktree_mounts_its_repository_read_only() -> None:
    root, repository = Path("/tmp/tree"), Path("/home/me/app/.git")  # noqa: S108 - nothing is written there
    assert mounts_for(root, (root, repository), None, {}) == (
        Mount(source=root, target=str(root), is_writable=True),
        Mount(source=repository, target=str(repository)),
    )


def test_subproject_is_mounted_over_its_checkout() -> None:
    top = Path("/home/me/all")
    mounts = mounts_for(top / "app", (top, top / ".git"), None, {})
    assert [(str(mount.source), mount.is_writable) for mount in mounts] == [(str(top), False), (f"{top}/app", True)]


def test_files_named_by_variables_are_mounted(tmp_path: Path) -> None:
    summary, certificates = tmp_path / "summary", tmp_path / "certificates"
    environment = {"GITHUB_STEP_SUMMARY": str(summary), "SSL_CERT_FILE": str(certificates)}
    root = Path("/home/me/app")
    assert len(mounts_for(root, (), None, environment)) == 1
    assert not any(name in " ".join(variables_for(root, None, environment)) for name in environment)
    summary.touch()
    certificates.touch()
    assert mounts_for(root, (), None, environment)[1:] == (
        Mount(source=summary, target=str(summary), is_writable=True),
        Mount(source=certificates, target="/run/certificates.pem"),
    )
    variables = variables_for(root, None, environment)
    assert "GITHUB_STEP_SUMMARY" in variables
    assert "SSL_CERT_FILE=/run/certificates.pem" in variables


def test_variables_are_forwarded_by_name_only() -> None:
    forwarded = (
        "HTTPS_PROXY",
        "SOURCE_DATE_EPOCH",
        "UV_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_INDEX_OURS_PASSWORD",
        "no_proxy",
    )
    withheld = ("GITHUB_TOKEN", "UV_CACHE_DIR", "MY_UV_INDEX", "PATH")
    variables = variables_for(Path("/home/me"), None, dict.fromkeys((*forwarded, *withheld), "secret"))
    assert [variable for variable in variables if "=" not in variable] == list(forwarded)
    assert "secret" not in " ".join(variables)


def test_git_trusts_the_checkout_of_another_user() -> None:
    assert {"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory"} <= set(variables_for(Path("/home/me"), None, {}))


def test_git_uses_the_same_ignore_file_inside() -> None:
    root, ignore_file = Path("/home/me/app"), Path("/home/me/.config/git/ignore")
    assert Mount(source=ignore_file, target="/run/gitignore") in mounts_for(root, (), ignore_file, {})
    assert {"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_1=core.excludesFile", "GIT_CONFIG_VALUE_1=/run/gitignore"} <= set(
        variables_for(root, ignore_file, {})
    )


@pytest.mark.programs
def test_missing_docker_and_podman_are_reported(settings: ReleaseSettings, fakes: Fakes) -> None:
    with pytest.raises(NoContainerProgramError) as caught:
        start_build(settings)
    assert caught.value.answers == ("docker: not installed", "podman: not installed")
    assert fakes.calls == []
    assert not (settings.root / "build").exists()


@pytest.mark.programs
def test_podman_is_used_if_docker_fails(tmp_path: Path, fakes: Fakes) -> None:
    fakes.install("docker", version=[1, "Cannot connect to the Docker daemon"])
    with pytest.raises(NoContainerProgramError) as caught:
        find_program(tmp_path)
    assert caught.value.answers[0] == "docker: Cannot connect to the Docker daemon"
    fakes.install("podman")
    assert find_program(tmp_path) == "podman"
    (fakes.folder / "docker").write_text("#!/no/such/interpreter\n", encoding="utf-8")
    assert find_program(tmp_path) == "podman"


@pytest.mark.programs
@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("docker", "exec /usr/bin/sh: exec format error"),
        ("podman", '{"msg":"exec container process `/usr/bin/sh`: Exec format error","level":"error"}'),
        ("docker", "exec /usr/bin/sh: no such file or directory"),
    ],
)
def test_missing_qemu_is_reported_before_the_build(
    settings: ReleaseSettings, fakes: Fakes, program: str, output: str
) -> None:
    fakes.install(program, run=[255, output])
    with pytest.raises(MissingEmulatorError) as caught:
        start_build(settings)
    assert (caught.value.platform_name, caught.value.program) == ("linux-arm64", program)
    assert output in caught.value.output
    assert not any("--session" in call for call in fakes.calls)


@pytest.mark.programs
def test_failed_pull_is_reported(settings: ReleaseSettings, fakes: Fakes, capfd: pytest.CaptureFixture[str]) -> None:
    fakes.install("podman", image=[1, "no such image"], pull=[125, "registry.example: no such host"])
    with pytest.raises(ContainerError) as caught:
        start_build(settings)
    assert "--image NAME" in caught.value.hint
    assert fakes.calls[-1] == ["podman", "pull", "--platform", "linux/arm64", IMAGE]
    assert "registry.example: no such host" in capfd.readouterr().out


@pytest.mark.programs
def test_image_of_another_platform_is_pulled_again(settings: ReleaseSettings, fakes: Fakes) -> None:
    put_nox(settings.root)
    fakes.install("podman", image=[0, "amd64"])
    start_build(settings)
    assert ["podman", "pull", "--platform", "linux/arm64", IMAGE] in fakes.calls


@pytest.mark.programs
def test_missing_tools_in_the_image_are_named(settings: ReleaseSettings, fakes: Fakes) -> None:
    fakes.install("podman")
    for name in ("git", "uv"):
        (fakes.inside / name).unlink()
    with pytest.raises(ContainerError) as caught:
        start_build(settings)
    assert IMAGE in caught.value.what
    assert "no git and no uv" in caught.value.what


@pytest.mark.programs
def test_image_for_another_processor_is_refused(settings: ReleaseSettings, fakes: Fakes) -> None:
    fakes.install("podman")
    fakes.put_inside("uname", "echo x86_64")
    with pytest.raises(ContainerError) as caught:
        start_build(settings)
    assert caught.value.what.endswith("\nx86_64")


@pytest.mark.programs
def test_silent_container_names_the_configured_options(settings: ReleaseSettings, fakes: Fakes) -> None:
    fakes.install("podman", run=[0, "4f3c"])
    with pytest.raises(ContainerError) as caught:
        start_build(replace(settings, container=ContainerSettings(options=("--detach",))))
    assert caught.value.what.endswith("\n4f3c")
    assert "container-options in [tool.release-tools]: --detach" in caught.value.hint


@pytest.mark.programs
def test_warnings_of_the_container_program_are_ignored(settings: ReleaseSettings, fakes: Fakes) -> None:
    put_nox(settings.root)
    fakes.install("docker", warning="Emulate Docker CLI using podman.\nno swap limit\n")
    start_build(settings)
    assert not any(call[1] == "pull" for call in fakes.calls)


@pytest.mark.programs
def test_inner_build_gets_the_arguments_and_shows_its_output(
    settings: ReleaseSettings, fakes: Fakes, capfd: pytest.CaptureFixture[str]
) -> None:
    put_nox(settings.root)
    fakes.install("docker")
    start_build(replace(settings, container=ContainerSettings(options=("--memory", "4g"))), "--version", "v1.2.3")
    *_, uv, python = capfd.readouterr().out.splitlines()
    assert uv == "uv got: run --quiet --no-project -m release_tools.bootstrap.github_jobs nox"
    assert python == "Python got: -m nox --session build-linux-arm64 -- --version v1.2.3"
    build = fakes.calls[-1]
    assert build[: build.index("--platform")][:3] == ["docker", "run", "--rm"]
    assert f"type=bind,source={settings.root},target={settings.root}" in build
    assert build[build.index("--memory") + 1] == "4g"
    assert not list((settings.build_folder("linux-arm64") / "container-home").iterdir())


@pytest.mark.programs
def test_failed_nox_installation_ends_the_build(settings: ReleaseSettings, fakes: Fakes) -> None:
    fakes.install("docker")
    fakes.put_inside("uv", "exit 2")
    with pytest.raises(ReportedError) as caught:
        start_build(settings)
    assert caught.value.code == 2


@pytest.mark.programs
def test_exit_code_of_the_inner_build_is_kept(settings: ReleaseSettings, fakes: Fakes) -> None:
    fakes.install("podman")
    put_nox(settings.root, "exit 7")
    with pytest.raises(ReportedError) as caught:
        start_build(settings)
    assert caught.value.code == 7


@pytest.mark.programs
def test_build_killed_inside_is_reported_as_killed(settings: ReleaseSettings, fakes: Fakes) -> None:
    fakes.install("podman")
    put_nox(settings.root, "exit 137")
    with pytest.raises(KilledError) as caught:
        start_build(settings)
    assert caught.value.command[:2] == ("podman", "run")
    assert caught.value.code == -9


@pytest.mark.programs
@pytest.mark.parametrize("has_old_archive", [False, True])
def test_success_without_a_new_archive_is_an_error(
    settings: ReleaseSettings, fakes: Fakes, *, has_old_archive: bool
) -> None:
    fakes.install("docker")
    put_nox(settings.root, "exit 0")
    if has_old_archive:
        (settings.root / ARCHIVE).touch()
    with pytest.raises(ContainerError) as caught:
        start_build(settings)
    assert caught.value.what.endswith(ARCHIVE)
    assert "container-options" in caught.value.hint
    *_, started, killed, removed = fakes.calls
    name = started[started.index("--name") + 1]
    assert [killed, removed] == [["docker", "kill", name], ["docker", "rm", "--force", name]]


@pytest.mark.programs
def test_interrupted_build_removes_its_container(settings: ReleaseSettings, fakes: Fakes) -> None:
    fakes.install("podman", interrupt=True)
    with pytest.raises(KeyboardInterrupt):
        start_build(settings)
    *_, started, killed, removed = fakes.calls
    name = started[started.index("--name") + 1]
    assert [killed, removed] == [["podman", "kill", name], ["podman", "rm", "--force", name]]


@pytest.fixture
def _on_linux_amd64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.programs
@pytest.mark.usefixtures("_on_linux_amd64")
def test_session_builds_in_the_requested_image(
    locked_project: Path, fakes: Fakes, capfd: pytest.CaptureFixture[str]
) -> None:
    put_nox(locked_project)
    fakes.install("podman")
    with (locked_project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(
            '[tool.release-tools.linux-arm64]\ncontainer-image = "set"\ncontainer-options = ["--memory", "4g"]\n'
        )
    sessions.build(locked_project, "linux-arm64", ["--fail-fast"])
    printed = capfd.readouterr().out
    assert "building linux-arm64 in a container of set (podman, under QEMU)" in printed
    assert "Python got: -m nox --session build-linux-arm64 -- --version dev --fail-fast" in printed
    assert fakes.calls[-1][fakes.calls[-1].index("--memory") :][:2] == ["--memory", "4g"]
    sessions.build(locked_project, "linux-arm64", ["--image", "given"])
    assert "in a container of given" in capfd.readouterr().out


@pytest.mark.usefixtures("_on_linux_amd64")
def test_missing_image_is_refused_before_anything_starts(locked_project: Path) -> None:
    with pytest.raises(RequestError) as caught:
        sessions.build(locked_project, "linux-arm64", [])
    (problem,) = caught.value.problems
    assert "container-image" in problem.hint
    assert "-- --image NAME" in problem.hint


@pytest.mark.usefixtures("_on_linux_amd64")
@pytest.mark.parametrize("name", ["", " ", "--privileged", "two words"])
def test_invalid_image_name_is_refused(locked_project: Path, name: str) -> None:
    with pytest.raises(RequestError) as caught:
        sessions.build(locked_project, "linux-arm64", [f"--image={name}"])
    (problem,) = caught.value.problems
    assert problem.what.startswith(f"--image {name!r}")


@pytest.mark.usefixtures("_on_linux_amd64")
def test_image_without_a_container_is_refused(locked_project: Path) -> None:
    with pytest.raises(RequestError) as caught:
        sessions.build(locked_project, "linux-amd64", ["--image", "given"])
    assert any(problem.what.startswith("--image given") for problem in caught.value.problems)


@pytest.mark.programs
@pytest.mark.parametrize("runs_as_root", [False, True])
def test_files_of_the_container_belong_to_the_user(
    tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch, *, runs_as_root: bool
) -> None:
    # So that the two users differ for root, too.
    monkeypatch.setattr(os, "getgid", lambda: 77)
    own = f"{os.getuid()}:77"
    fakes.install("podman", user=own if runs_as_root else "0:0")
    assert with_own_user(example_in(tmp_path), tmp_path).user == (own if runs_as_root else "0:0")
    assert not (tmp_path / "created-by-the-container").exists()


@pytest.mark.programs
def test_container_that_cannot_write_is_refused(tmp_path: Path, fakes: Fakes) -> None:
    fakes.install("podman", user="nobody")
    with pytest.raises(ContainerError) as caught:
        with_own_user(example_in(tmp_path), tmp_path)
    assert str(tmp_path) in caught.value.what


def example_in(folder: Path) -> Container:
    return replace(example(), folder=folder)
