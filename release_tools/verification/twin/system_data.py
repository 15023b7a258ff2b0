"""What a program takes from the machine that it runs on, and that not every machine has or has in the same place."""

from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, listed
from release_tools.verification.twin.import_list import imported_names, read_bundled_code
from release_tools.verification.twin.probe import ask

_ZONE = "Europe/Berlin"


def check_time_zones(context: VerificationContext) -> str:
    """Time zones are there without the system's time zone files, which Windows and small containers do not have."""
    if "tzdata" not in context.build.installed.for_app:
        users = _own_users_of("zoneinfo", context)
        if users:
            raise CheckFailedError(
                f"tzdata is no locked dependency, so there may be no time zones for:{listed(users)}",
                "add tzdata to the project's dependencies, then: poetry lock",
                users,
            )
        raise CheckSkippedError("tzdata is no locked dependency, and the project's own code does not use zoneinfo")
    frozen = ask(context, "time_zones", _ZONE)
    if not frozen["is_bundled"]:
        raise CheckSkippedError("the program does not use zoneinfo")
    if frozen["error"] and not ask(context, "time_zones", _ZONE, place="source")["error"]:
        raise CheckFailedError(
            f"without the system's files there is no time zone {_ZONE}: {frozen['error']}",
            "the data of tzdata must be bundled: import tzdata where the app uses time zones",
        )
    return f"{_ZONE} without the system's files"


def check_authorities(context: VerificationContext) -> str:
    """A TLS connection trusts the machine's certificate authorities, wherever it keeps them."""
    frozen = ask(context, "trusted_authorities", None)
    if not frozen["is_bundled"]:
        raise CheckSkippedError("the program does not use ssl")
    if frozen["loaded"]:
        return f"{frozen['loaded']} authorities"
    if frozen["in_folder"]:
        return f"a folder of {frozen['in_folder']} files"
    source = ask(context, "trusted_authorities", None, place="source")
    if not source["loaded"] and not source["in_folder"]:
        raise CheckSkippedError("this machine has no certificate authorities")
    raise CheckFailedError(
        f"no TLS connection can be trusted: no certificate authorities in {' or '.join(frozen['places'])}",
        "add the place where this system keeps them to release_tools/freeze/runtime/authorities.py",
    )


def _own_users_of(module: str, context: VerificationContext) -> list[str]:
    own = read_bundled_code(context.executable, context.build.installed.project.packages).codes
    return sorted(name for name, code in own.items() if module in {target for target, _ in imported_names(code, "")})
