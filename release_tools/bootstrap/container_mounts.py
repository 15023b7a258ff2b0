"""The files, folders and environment variables of this machine that a container gets."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Forwarded by name only, so that no argument list contains a password in a URL.
_FORWARDED_VARIABLES: Final = re.compile(
    # Where and how uv downloads.
    r"UV_(DEFAULT_INDEX|EXTRA_INDEX_URL|INDEX\w*|INSECURE_HOST|HTTP_TIMEOUT|NATIVE_TLS|MANAGED_PYTHON"
    r"|PYTHON_INSTALL_MIRROR|PYTHON_PREFERENCE|PYTHON_DOWNLOADS)"
    r"|SOURCE_DATE_EPOCH|CI|GITHUB_ACTIONS|NO_COLOR|(ALL|HTTPS?|NO)_PROXY|(all|https?|no)_proxy"
)
# These name files, which must be mounted.
_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
_CERTIFICATES: Final = "SSL_CERT_FILE"
_CERTIFICATES_INSIDE: Final = "/run/certificates.pem"
_IGNORE_FILE_INSIDE: Final = "/run/gitignore"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A file or folder of this machine, mounted in the container at `target`."""

    source: Path
    target: str
    is_writable: bool = False

    def __str__(self) -> str:
        """The value of `--mount`: a line of CSV, so that a path may contain commas."""
        fields = ["type=bind", f"source={self.source}", f"target={self.target}"]
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(fields if self.is_writable else [*fields, "readonly"])
        return line.getvalue()


def mounts_for(
    root: Path, git_folders: Sequence[Path], ignore_file: Path | None, environment: Mapping[str, str]
) -> tuple[Mount, ...]:
    """The checkout, git's folders outside of it, and the files that git's settings and environment variables name."""
    # Folders inside another mount don't need their own; only the checkout is writable.
    folders = {root, *(folder for folder in git_folders if not _is_inside(folder, [root, *git_folders]))}
    mounts = [
        Mount(source=folder, target=str(folder), is_writable=folder == root)
        # An outer folder must be mounted before the ones inside it.
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
    """The container's environment variables; `home` keeps uv's downloads for the next build."""
    # Inside, the checkout may belong to another user; and git must ignore the same files.
    git_settings = {"safe.directory": "*"} | ({"core.excludesFile": _IGNORE_FILE_INSIDE} if ignore_file else {})
    own = {"HOME": str(home), "GIT_CONFIG_COUNT": str(len(git_settings))}
    for number, (key, value) in enumerate(git_settings.items()):
        own |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    if _named_file(_CERTIFICATES, environment):
        own[_CERTIFICATES] = _CERTIFICATES_INSIDE
    forwarded = [name for name in environment if _FORWARDED_VARIABLES.fullmatch(name)]
    if _named_file(_SUMMARY, environment):
        forwarded.append(_SUMMARY)
    return (*(f"{name}={value}" for name, value in own.items()), *forwarded)


def _named_file(variable: str, environment: Mapping[str, str]) -> Path | None:
    path = Path(environment.get(variable, ""))
    return path if path.is_file() else None


def _is_inside(folder: Path, others: Sequence[Path]) -> bool:
    return any(folder != other and folder.is_relative_to(other) for other in others)
