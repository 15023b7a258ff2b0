"""Every check is shown to pass on what is right and to fail on what is wrong.

The executables here are small Python scripts: what a check starts only has to be a program.
"""

import dataclasses
import os
import re
import shutil
import sys
import threading
from pathlib import Path

import pytest

from release_tools.archives import Member, unpack_archive, write_archive
from release_tools.platforms import find_platform, host_platform
from release_tools.settings import AllowedFinding, ReleaseSettings
from release_tools.verification import CHECKS, Check, CheckResult, Subject, archive, executable, running, suite, verify
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.versions import BuildVersion

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]

VERSION = BuildVersion(label="v1.2.3", project_version="1.2.3", local_part="")
GOOD = "print('tiny 1.2.3')"


def make_subject(
    settings: ReleaseSettings, code: str = GOOD, modes: tuple[int, int, int] = (0o755, 0o644, 0o644)
) -> Subject:
    """An archive with a program of this code, unpacked, on Linux."""
    source = settings.root / "source"
    source.mkdir(exist_ok=True)
    members = []
    texts = (f"#!{sys.executable}\n{code}\n", "free", "free too")
    for name, text, mode in zip(("tiny", "LICENSE", "THIRD_PARTY_LICENSES"), texts, modes, strict=True):
        (source / name).write_text(text, encoding="utf-8")
        members.append(Member(name=name, path=source / name, mode=mode))
    packed = settings.root / "tiny.tar.gz"
    write_archive(packed, members, 0)
    scratch = settings.root / "verify"
    unpack_archive(packed, scratch / "unpacked")
    return Subject(
        settings=settings,
        platform=find_platform("linux-amd64"),
        version=VERSION,
        archive=packed,
        folder=scratch / "unpacked",
        scratch=scratch,
        suite_python=Path(sys.executable),
    )


def test_an_archive_of_three_files_with_their_modes_passes(settings: ReleaseSettings) -> None:
    assert archive.check_members(make_subject(settings)) == "3 files"


def test_a_program_that_lost_its_execute_bit_is_found(settings: ReleaseSettings) -> None:
    subject = make_subject(settings, modes=(0o644, 0o644, 0o644))
    with pytest.raises(CheckFailedError, match="tiny has mode 0644, not 0755"):
        archive.check_members(subject)


def test_a_missing_and_a_strange_member_are_named(settings: ReleaseSettings) -> None:
    subject = make_subject(settings)
    stray = settings.root / "notes.txt"
    stray.write_text("", encoding="utf-8")
    write_archive(subject.archive, [Member(name="notes.txt", path=stray, mode=0o644)], 0)
    with pytest.raises(CheckFailedError, match=r"tiny is missing; .*; notes.txt does not belong there"):
        archive.check_members(subject)


def test_an_archive_over_the_limit_is_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = make_subject(dataclasses.replace(settings, size_limit_mib=1))
    assert archive.check_size(subject).endswith("of 1 MiB")
    monkeypatch.setattr(archive, "MIB", 10)
    with pytest.raises(CheckFailedError, match="over the limit of 1 MiB"):
        archive.check_size(subject)


def test_without_a_limit_the_size_is_told_and_not_judged(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="no size-limit-mib is set"):
        archive.check_size(make_subject(settings))


def test_an_executable_for_this_machine_passes_and_for_another_fails(settings: ReleaseSettings) -> None:
    here = dataclasses.replace(make_subject(settings), platform=host_platform())
    shutil.copy(sys.executable, here.executable)
    assert executable.check_machine(here).endswith(f"for {here.platform.arch}")
    for name in {"linux-amd64", "linux-arm64", "darwin-arm64", "windows-amd64"} - {here.platform.name}:
        other = dataclasses.replace(here, platform=find_platform(name))
        shutil.copy(sys.executable, other.executable)
        with pytest.raises(CheckFailedError, match=f"not {other.platform.binary_format} for {other.platform.arch}"):
            executable.check_machine(other)


def test_a_file_that_is_no_executable_is_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError, match="tiny is no executable file format, not ELF for amd64"):
        executable.check_machine(make_subject(settings))


def test_the_exact_version_passes(settings: ReleaseSettings) -> None:
    assert running.check_version(make_subject(settings)) == "tiny 1.2.3"


@pytest.mark.parametrize(
    "code",
    [
        "print('tiny 1.2.30')",
        "print('tiny 1.2.3')\nprint('and more')",
        "print('tiny 1.2.3'); raise SystemExit(1)",
        "import sys; print('tiny 1.2.3'); print('noise', file=sys.stderr)",
        "print('1.2.3')",
    ],
    ids=["longer", "more lines", "exit code", "stderr", "no name"],
)
def test_any_other_version_output_fails(settings: ReleaseSettings, code: str) -> None:
    with pytest.raises(CheckFailedError, match=r"--version was to print 'tiny 1.2.3' and exit with 0, but it exited"):
        running.check_version(make_subject(settings, code))


def test_a_version_may_stand_among_words_that_the_project_names(settings: ReleaseSettings) -> None:
    framed = dataclasses.replace(settings, version_output="{executable}, version {version} (free)")
    subject = make_subject(framed, "print('tiny, version 1.2.3 (free)')")
    assert running.check_version(subject) == "tiny, version 1.2.3 (free)"
    with pytest.raises(CheckFailedError, match=r"to print 'tiny, version 1.2.3 \(free\)' and exit"):
        running.check_version(make_subject(framed, "print('tiny, version (free)')"))


def test_a_program_that_cannot_be_started_is_found(settings: ReleaseSettings) -> None:
    subject = make_subject(settings)
    subject.executable.write_bytes(b"\x7fELF nonsense")
    with pytest.raises(CheckFailedError, match="cannot be started"):
        running.check_version(subject)
    subject.executable.unlink()
    with pytest.raises(CheckFailedError, match="was not found"):
        running.check_version(subject)


def test_a_program_that_hangs_is_ended_and_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "START_TIMEOUT_SECONDS", 1.0)
    with pytest.raises(CheckFailedError, match="still running after"):
        running.check_version(make_subject(settings, "import threading; threading.Event().wait()"))


def test_a_smoke_command_that_fails_is_found_with_what_it_printed(settings: ReleaseSettings) -> None:
    with_command = dataclasses.replace(settings, smoke_commands=(("--version",), ("doctor",)))
    assert running.check_smoke_commands(make_subject(with_command)) == "--version, doctor"
    broken = "import sys; sys.exit('no module named late' if 'doctor' in sys.argv else 0)"
    with pytest.raises(
        CheckFailedError, match=r"`tiny doctor` failed: it exited with 1 and printed:\nno module named late"
    ):
        running.check_smoke_commands(make_subject(with_command, broken))


def test_smoke_commands_see_nothing_of_the_callers_environment(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "1")
    code = "import os, sys; print(*sorted(os.environ)); sys.exit(1)"
    subject = make_subject(dataclasses.replace(settings, smoke_commands=(("x",),)), code)
    with pytest.raises(CheckFailedError) as caught:
        running.check_smoke_commands(subject)
    names = caught.value.what.splitlines()[-1].split()
    assert "TMPDIR" in names
    assert not {"HOME", "PATH", "SECRET"} & set(names)


def test_without_smoke_commands_the_check_says_so(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="no smoke-commands are set"):
        running.check_smoke_commands(make_subject(settings))


def test_an_unknown_option_that_is_a_usage_error_passes(settings: ReleaseSettings) -> None:
    subject = make_subject(settings, "import sys; sys.exit(2 if '--no-such-option-xyz' in sys.argv else 0)")
    assert running.check_unknown_option(subject) == "exit code 2"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "it is no usage error; it exited with 0"),
        ("raise KeyError('option')", "its output holds 'Traceback"),
        ("import sys; print('[PYI-12:ERROR] Failed', file=sys.stderr); sys.exit(1)", "its output holds '[PYI-'"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "it is no usage error; it exited with -9"),
    ],
    ids=["ignored", "traceback", "bootloader", "signal"],
)
def test_an_unknown_option_that_is_ignored_or_crashes_is_found(settings: ReleaseSettings, code: str, said: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        running.check_unknown_option(make_subject(settings, code))
    assert caught.value.what.startswith(f"`tiny --no-such-option-xyz`: {said}")


def test_a_program_that_takes_any_option_can_be_allowed(settings: ReleaseSettings) -> None:
    allowed = AllowedFinding(check="unknown option", finding="exit code 0", reason="it hands all to another program")
    subject = make_subject(dataclasses.replace(settings, allowed_findings=(allowed,)), "")
    assert running.check_unknown_option(subject) == "exit code 0"


def test_start_up_is_a_figure_in_seconds(settings: ReleaseSettings) -> None:
    measured = running.check_start_up(make_subject(settings))
    seconds = re.fullmatch(r"(\d+\.\d\d) s", measured.figure)
    assert seconds is not None
    assert measured.value > 0
    # Each is rounded by itself.
    assert float(seconds[1]) == pytest.approx(measured.value, abs=0.0056)


def test_what_a_start_leaves_in_the_temporary_folder_is_found(settings: ReleaseSettings) -> None:
    clean = make_subject(settings)
    running.check_version(clean)
    assert running.check_temporary_files(clean) == "none left"
    leaking = make_subject(settings, f"import tempfile; tempfile.mkdtemp(prefix='_MEI'); {GOOD}")
    running.check_version(leaking)
    with pytest.raises(CheckFailedError, match="left 1 entries in its temporary folder: _MEI"):
        running.check_temporary_files(leaking)


def with_suite(settings: ReleaseSettings, test: str) -> ReleaseSettings:
    folder = settings.root / "suite"
    folder.mkdir(exist_ok=True)
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    return dataclasses.replace(settings, test_suite=folder, test_binary_variable="TINY", test_arguments=())


def test_the_suite_gets_the_unpacked_executable(settings: ReleaseSettings) -> None:
    test = "import os\n\ndef test_it():\n    assert os.environ['TINY'].endswith('verify/unpacked/tiny')\n"
    assert suite.check_suite(make_subject(with_suite(settings, test))).startswith("1 passed in ")


@pytest.mark.parametrize(("gives_way", "factor"), [(False, "2.5"), (True, "10.0")])
def test_tests_that_give_way_get_more_time(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, gives_way: bool, factor: str
) -> None:
    monkeypatch.setattr(suite, "slowness", lambda: 2.5)
    test = f"import os\n\ndef test_it():\n    assert os.environ['RELEASE_TOOLS_SLOWNESS'] == '{factor}'\n"
    subject = make_subject(with_suite(settings, test))
    folder = subject.scratch / "suite"
    with suite.begun_suite(subject, subject.executable, folder, gives_way=gives_way) as begun:
        assert begun.finish().summary.startswith("1 passed")


def test_the_suite_does_not_get_the_secrets_of_the_environment(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", "a-token-of-the-builder")
    monkeypatch.setenv("HARMLESS", "a-setting-of-the-builder")
    test = "import os\n\ndef test_it():\n    assert 'GH_TOKEN' not in os.environ and 'HARMLESS' in os.environ\n"
    assert suite.check_suite(make_subject(with_suite(settings, test))).startswith("1 passed in ")


@pytest.mark.parametrize("test", ["def test_it():\n    assert False, 'broken'\n", "import no_such_module\n", "", "x ="])
def test_a_suite_that_fails_or_runs_no_test_is_found(settings: ReleaseSettings, test: str) -> None:
    with pytest.raises(CheckFailedError, match="the black-box tests fail on the binary"):
        suite.check_suite(make_subject(with_suite(settings, test)))


def test_a_suite_of_skipped_tests_has_not_passed(settings: ReleaseSettings) -> None:
    test = "import pytest\n\ndef test_it():\n    pytest.skip('nothing to see')\n"
    with pytest.raises(CheckFailedError, match="no test of the suite ran"):
        suite.check_suite(make_subject(with_suite(settings, test)))


def test_a_suite_that_hangs_is_ended_and_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "SUITE_TIMEOUT_SECONDS", 3.0)
    test = "import threading\n\ndef test_it():\n    threading.Event().wait()\n"
    with pytest.raises(CheckFailedError, match="still running after"):
        suite.check_suite(make_subject(with_suite(settings, test)))


def test_without_a_suite_the_check_says_so(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="no test-suite is set"):
        suite.check_suite(make_subject(settings))


def fails(_: Subject) -> str:
    raise CheckFailedError("it broke", "mend it")


def is_skipped(_: Subject) -> str:
    raise CheckSkippedError("not here")


THREE_CHECKS = (
    Check(name="first", needs="archive", run=fails),
    Check(name="second", needs="archive", run=is_skipped, is_alone=True),
    Check(name="third", needs="archive", run=lambda _: "3 things", is_alone=True),
)


@pytest.mark.parametrize(("keep_going", "verdicts"), [(False, ["failed"]), (True, ["failed", "skipped", "passed"])])
def test_verification_stops_at_the_first_failure_unless_told_to_go_on(
    settings: ReleaseSettings, keep_going: bool, verdicts: list[str]
) -> None:
    announced: list[str] = []
    results = verify(make_subject(settings), keep_going=keep_going, on_check=announced.append, checks=THREE_CHECKS)
    assert [result.verdict for result in results] == verdicts
    assert announced == ["first", "second", "third"][: len(verdicts)]
    assert dataclasses.replace(results[0], seconds=0) == CheckResult(
        name="first", verdict="failed", figure="it broke", hint="mend it"
    )


def test_checks_run_side_by_side_but_for_those_that_are_alone(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    meeting, running_now = threading.Barrier(2, timeout=30), set()

    def meet(_: Subject) -> str:
        running_now.add(threading.get_ident())
        meeting.wait()
        return "met"

    def is_alone(_: Subject) -> str:
        return f"after {len(running_now)}"

    checks = (
        Check(name="one", needs="archive", run=meet),
        Check(name="other", needs="archive", run=meet),
        Check(name="alone", needs="archive", run=is_alone, is_alone=True),
    )
    results = verify(make_subject(settings), keep_going=False, on_check=lambda _: None, checks=checks)
    assert [result.figure for result in results] == ["met", "met", "after 2"]


def test_of_failures_side_by_side_the_first_in_order_is_told(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2)
    meeting = threading.Barrier(2, timeout=30)

    def fail_together(_: Subject) -> str:
        meeting.wait()
        raise CheckFailedError("it broke", "mend it")

    checks = tuple(Check(name=name, needs="archive", run=fail_together) for name in ("one", "other"))
    results = verify(make_subject(settings), keep_going=False, on_check=lambda _: None, checks=checks)
    assert [result.name for result in results] == ["one"]


def test_what_comes_before_a_failure_is_made_and_what_comes_after_is_not(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 1)
    checks = (
        Check(name="bytes", needs="archive", run=lambda _: "right"),
        Check(name="before", needs="host", run=lambda _: "made"),
        Check(name="long", needs="host", run=fails, is_long=True),
        Check(name="after", needs="host", run=lambda _: "made as well"),
    )
    announced: list[str] = []
    results = verify(make_subject(settings), keep_going=False, on_check=announced.append, checks=checks)
    assert announced == ["bytes", "long", "before"]
    assert [result.name for result in results] == ["bytes", "before", "long"]


def test_no_long_check_begins_while_the_bytes_are_not_found_right(settings: ReleaseSettings) -> None:
    checks = (
        Check(name="bytes", needs="archive", run=fails),
        Check(name="long", needs="host", run=lambda _: "made", is_long=True),
    )
    announced: list[str] = []
    verify(make_subject(settings), keep_going=False, on_check=announced.append, checks=checks)
    assert announced == ["bytes"]


def breaks(_: Subject) -> str:
    raise ZeroDivisionError("nobody foresaw it")


def test_a_check_that_breaks_has_failed_and_the_others_are_still_made(settings: ReleaseSettings) -> None:
    checks = (Check(name="broken", needs="archive", run=breaks), *THREE_CHECKS)
    results = verify(make_subject(settings), keep_going=True, on_check=lambda _: None, checks=checks)
    assert [result.verdict for result in results] == ["failed", "failed", "skipped", "passed"]
    assert results[0].figure.startswith("the check itself broke: ZeroDivisionError: nobody foresaw it (test_verif")


def test_what_a_terminal_would_obey_is_written_out(settings: ReleaseSettings) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'\x1b[2J\xe2\x80\xaeall good \xc3\xa9\r\n'); sys.exit(1)"
    with pytest.raises(CheckFailedError) as caught:
        running.check_version(make_subject(settings, code))
    assert caught.value.what.endswith("\\x1b[2J\\u202eall good é")


def test_the_look_at_temporary_files_comes_last() -> None:
    assert CHECKS[-1].run is running.check_temporary_files
