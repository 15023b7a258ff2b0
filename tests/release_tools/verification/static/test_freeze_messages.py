import dataclasses

import pytest

from release_tools.settings import AllowedMessage, ReleaseSettings
from release_tools.verification.check import VerificationContext
from release_tools.verification.static.freeze_messages import check_freeze_messages
from tests.release_tools.verification.context_variants import allowing, as_build
from tests.release_tools.verification.static.contexts import findings_of, make_context

MISSING = 'Hidden import "tiny_app.late" not found!'
HOOK = "Failed to process hook entry point 'x'"


def with_messages(settings: ReleaseSettings, *messages: str) -> VerificationContext:
    context = as_build(make_context(settings))
    return dataclasses.replace(context, evidence=dataclasses.replace(context.build, freeze_messages=messages))


def test_freeze_without_messages_passes(settings: ReleaseSettings) -> None:
    assert check_freeze_messages(with_messages(settings)).notes == ()


@pytest.mark.shows_failing("freeze messages")
def test_every_message_is_a_finding(settings: ReleaseSettings) -> None:
    assert findings_of(check_freeze_messages, with_messages(settings, HOOK, MISSING)) == (HOOK, MISSING)


def test_unused_entry_is_noted(settings: ReleaseSettings) -> None:
    unused = AllowedMessage(message="long gone", reason="an old release")
    (note,) = check_freeze_messages(with_messages(dataclasses.replace(settings, allowed_messages=(unused,)))).notes
    assert "long gone" in note


def test_part_of_a_message_allows_it(settings: ReleaseSettings) -> None:
    permitted = AllowedMessage(message='"tiny_app.late" not found', reason="an optional plugin")
    context = with_messages(dataclasses.replace(settings, allowed_messages=(permitted,)), MISSING, HOOK)
    assert findings_of(check_freeze_messages, context) == (HOOK,)
    (note,) = check_freeze_messages(allowing(context, HOOK)).notes
    assert permitted.reason in note
