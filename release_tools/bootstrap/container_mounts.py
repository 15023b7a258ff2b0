"""What a container sees of this machine: files and folders, and variables."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# By name only, so that a password in an address stands in no argument list.
_FORWARDED_VARIABLES: Final = re.compile(
    # Where uv fetches from, and how.
    r"UV_(DEFAULT_INDEX|EXTRA_INDEX_URL|INDEX\w*|INSECURE_HOST|HTTP_TIMEOUT|NATIVE_TLS|MANAGED_PYTHON"
    r"|PYTHON_INSTALL_MIRROR|PYTHON_PREFERENCE|PYTHON_DOWNLOADS)"
    r"|SOURCE_DATE_EPOCH|CI|GITHUB_ACTIONS|NO_COLOR|(ALL|HTTPS?|NO)_PROXY|(all|https?|no)_proxy"
)
# These name files, which have to be mounted.
_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
_CERTIFICATES: Final = "SSL_CERT_FILE"
_CERTIFICATES_INSIDE: Final = "/run/certificates.pem"
_IGNORE_FILE_INSIDE: Final = "/run/gitignore"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A file or folder of this machine inside the container, there under `target`."""

    source: Path
    target: str
    is_writable: bool = False

    def __str__(self) -> str:
        """As `--mount` takes it: one line of CSV, in which a path may hold commas."""
        fields = ["type=bind", f"source={self.source}", f"target={self.target}"]
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(fields if self.is_writable else [*fields, "readonly"])
        return line.getvalue()


def mounts_for(
    root: Path, git_folders: Sequence[Path], ignore_file: Path | None, environment: Mapping[str, str]
) -> tuple[Mount, ...]:
    """The checkout, what git needs of it elsewhere, and files that the caller's settings and variables name."""
    # What lies inside another of them is there already; only the checkout itself is written to.
    folders = {root, *(folder for folder in git_folders if not _is_inside(folder, [root, *git_folders]))}
    mounts = [
        Mount(source=folder, target=str(folder), is_writable=folder == root)
        # An outer folder has to be mounted before what lies in it.
        for folder in sorted(folders, key=lambda folder: (len(folder.parts), folder))
    ]
    summary, certificates = (_named_file(name, environment) for name in (_SUMMARY, _CERTIFICATES))
    if summary:
        mounts.append(Mount(source=summary, target=str(summary), is_writable=True))
    if ignore_file:
        mounts.append(Mount(source=ignore_file.resolve(), target=_IGNORE_FILE_INSIDE))
    if certificates:
        mounts.append(Mount(source=certificates.resolve(), target=_CERTIFICATES_INSIDE))
    return tuple(mounts)


def variables_for(home: Path, ignore_file: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables of the container; `home`, below the build folder, keeps uv's downloads for the next build."""
    # Inside, the checkout may seem to be another user's; and it is to be as clean as it is here.
    git_settings = {"safe.directory": "*"} | ({"core.excludesFile": _IGNORE_FILE_INSIDE} if ignore_file else {})
    own = {"HOME": str(home), "GIT_CONFIG_COUNT": str(len(git_settings))}
    for number, (key, value) in enumerate(git_settings.items()):
        own |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    if _named_file(_CERTIFICATES, environment):
        own[_CERTIFICATES] = _CERTIFICATES_INSIDE
    passed_on = [name for name in environment if _FORWARDED_VARIABLES.fullmatch(name)]
    if _named_file(_SUMMARY, environment):
        passed_on.append(_SUMMARY)
    return (*(f"{name}={value}" for name, value in own.items()), *passed_on)


def _named_file(variable: str, environment: Mapping[str, str]) -> Path | None:
    path = Path(environment.get(variable, ""))
    return path if path.is_file() else None


def _is_inside(folder: Path, others: Sequence[Path]) -> bool:
    return any(folder != other and folder.is_relative_to(other) for other in others)
