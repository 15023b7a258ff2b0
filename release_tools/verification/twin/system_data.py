"""Checks of data that not every machine has, or that's in another place there: time zones and root certificates."""

from release_tools.findings import list_setting
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed, VerificationContext
from release_tools.verification.twin.import_list import imported_names, read_bundled_code
from release_tools.verification.twin.probe import ask

_ZONE = "Europe/Berlin"


def check_time_zones(context: VerificationContext) -> str | Passed:
    """Time zones work without the system's time zone files, which Windows and slim containers lack.

    Without tzdata they don't, as from source.
    """
    if "tzdata" not in context.build.installed.for_app:
        users = _own_users_of("zoneinfo", context)
        if not users:
            raise CheckSkippedError("tzdata isn't a locked dependency, and the project's own code doesn't use zoneinfo")
        note = "fail on machines without time zone files, as from source; to bundle the files, add tzdata to the "
        return Passed(
            figure="those of the system", notes=(f"time zones of {', '.join(users)} {note}project's dependencies",)
        )
    frozen = ask(context, "time_zones", _ZONE)
    if not frozen["is_bundled"]:
        raise CheckSkippedError("the program doesn't use zoneinfo")
    if frozen["error"] and not ask(context, "time_zones", _ZONE, place="source")["error"]:
        raise CheckFailedError(
            f"can't load the time zone {_ZONE} without the system's files: {frozen['error']}",
            "bundle tzdata with all its data",
            cure=list_setting("whole-distributions", context.settings.whole_distributions, ["tzdata"]),
        )
    return f"{_ZONE} without the system's files"


def check_authorities(context: VerificationContext) -> str:
    """TLS connections trust the machine's root certificates, wherever they are."""
    frozen = ask(context, "trusted_authorities", None)
    if not frozen["is_bundled"]:
        raise CheckSkippedError("the program doesn't use ssl")
    if frozen["loaded"]:
        return f"{frozen['loaded']} authorities"
    if frozen["in_folder"]:
        return f"a folder of {frozen['in_folder']} files"
    source = ask(context, "trusted_authorities", None, place="source")
    if not source["loaded"] and not source["in_folder"]:
        raise CheckSkippedError("this machine has no certificate authorities")
    raise CheckFailedError(
        "every TLS connection would fail: no certificate authorities in",
        "this machine keeps them elsewhere: add its place to release_tools/freeze/runtime/authorities.py",
        frozen["places"],
    )


def _own_users_of(module: str, context: VerificationContext) -> list[str]:
    own = read_bundled_code(context.executable, context.build.installed.project.packages).codes
    return [name for name, code in own.items() if module in {target for target, _ in imported_names(code, "")}]
