"""The check of what PyInstaller logged: it exits with 0 after some errors that break the binary."""

from release_tools.verification.check import Passed, VerificationContext, refuse


def check_freeze_messages(context: VerificationContext) -> Passed:
    """PyInstaller logged nothing that means that the binary fails in use, except what `allowed-messages` has."""
    messages = context.build.freeze_messages
    reasons = {
        message: permitted.reason
        for message in messages
        for permitted in context.settings.allowed_messages
        if permitted.message in message
    }
    refuse(
        context,
        (message for message in messages if message not in reasons),
        what="PyInstaller reports something that is missing, broken or not locked",
        hint=f"build/{context.platform.name}/freeze/pyinstaller.log shows where; add what's missing to the project's "
        "dependencies or install it on the build machine, and fix or update what's broken",
        cure="",
    )
    return Passed(
        figure=f"{len(reasons)} allowed" if reasons else "nothing missing or broken",
        notes=(
            *context.build.freeze_notes,
            *(f"allowed: {message} ({reason})" for message, reason in reasons.items()),
            *(
                f"unused entry of allowed-messages: {permitted.message}"
                for permitted in context.settings.allowed_messages
                if not any(permitted.message in message for message in messages)
            ),
        ),
    )
