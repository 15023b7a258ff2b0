"""Whether an executable is of the version that its archive is called by, also where it cannot be started."""

from email.parser import HeaderParser

from release_tools.binaries.payload import Payload
from release_tools.lockfile import normalized_name
from release_tools.verification.check import CheckFailedError, VerificationContext

_METADATA = ".dist-info/METADATA"


def check_bundled_version(context: VerificationContext) -> str:
    """The metadata of the app in the bundle states the version that is in the archive's name."""
    versions = bundled_versions(Payload(context.executable), context.settings.project_name)
    if len(versions) == 1 and context.version.is_printed_as(versions[0]):
        return versions[0]
    raise CheckFailedError(
        f"the archive is of {context.version.label}, and the metadata of {context.settings.project_name} in the bundle "
        f"says {' and '.join(versions) or 'nothing'}",
        "build it again, or download it again; an archive keeps the name that its build gave it",
    )


def bundled_versions(payload: Payload, project_name: str) -> tuple[str, ...]:
    """What the bundle's metadata of this distribution says, for each that there is of it.

    Raises `PayloadError`.
    """
    wanted = normalized_name(project_name)
    return tuple(
        HeaderParser().parsestr(payload.read(member).decode("utf-8", errors="backslashreplace")).get("Version", "")
        for member in payload.members
        # The folder is called <name>-<version>.dist-info, and there is no dash in the name.
        if member.name.endswith(_METADATA)
        and "/" not in (folder := member.name.removesuffix(_METADATA))
        and normalized_name(folder.partition("-")[0]) == wanted
    )
