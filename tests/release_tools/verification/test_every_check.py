"""Every check has a test that shows it failing: one that itself fails when the checks are taken out."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from release_tools.preflight import preflight
from release_tools.verification.checks import CHECKS

REPOSITORY = Path(__file__).parents[3]
TESTS = REPOSITORY / "tests" / "release_tools"

NATIVE = "verification/static/test_native_members.py"
CHILDREN = "verification/twin/test_children.py"
LIFE = "verification/twin/test_life_cycle.py"
PARITY = "verification/twin/test_parity.py"
PREFLIGHT = "preflight/test_preflight.py"
ARCHIVE = "verification/static/test_archive.py"
RUNNING = "verification/starts/test_running.py"

# By check: a file, and a test in it.
SHOWN_FAILING = {
    "archive members": (ARCHIVE, "test_a_program_that_lost_its_execute_bit_is_found"),
    "archive size": (ARCHIVE, "test_an_archive_over_the_limit_is_found"),
    "machine": (ARCHIVE, "test_a_file_that_is_no_executable_is_found"),
    "bundled version": ("verification/static/test_bundled_version.py", "test_any_other_version_is_found"),
    "machine of members": (NATIVE, "test_a_member_for_another_machine_is_named"),
    "glibc floor": (
        "verification/static/test_floors.py",
        "test_a_version_of_the_app_over_the_limit_of_glibc_is_refused_and_a_dev_build_is_not",
    ),
    "macOS minimum": (
        "verification/static/test_floors.py",
        "test_a_version_of_the_app_over_the_limit_of_macos_is_refused_and_a_dev_build_is_not",
    ),
    "needed libraries": (NATIVE, "test_a_library_that_is_nowhere_is_named_with_its_member"),
    "executable stacks": (NATIVE, "test_an_executable_stack_is_named"),
    "segment alignment": (NATIVE, "test_a_segment_that_strip_moved_is_named"),
    "run paths": (NATIVE, "test_a_run_path_out_of_the_bundle_is_named_on_linux"),
    "packed members": (NATIVE, "test_a_packed_member_and_a_packed_executable_are_named"),
    "path lengths": ("verification/static/test_path_lengths.py", "test_a_path_that_is_too_long_is_named"),
    "code signatures": ("verification/static/test_signatures.py", "test_an_unsigned_member_is_refused_by_name"),
    "codesign": ("verification/static/test_signatures.py", "test_a_signature_that_macos_refuses_fails_with_its_words"),
    "version resource": ("verification/static/test_windows_version.py", "test_a_text_that_does_not_agree_is_found"),
    "worker processes": ("verification/static/test_freeze_support.py", "test_a_script_that_does_not_is_named"),
    "leaks": ("verification/static/test_leaks.py", "test_the_users_home_is_found"),
    "size by distribution": ("verification/static/test_sizes.py", "test_a_file_without_a_payload_is_found"),
    "unlocked distributions": (
        "verification/static/test_unlocked.py",
        "test_what_is_locked_for_the_build_only_is_named",
    ),
    "own files": ("verification/static/test_completeness.py", "test_a_lost_file_of_the_project_is_named"),
    "namespace packages": ("verification/static/test_completeness.py", "test_a_lost_plugin_is_named"),
    "version": (RUNNING, "test_any_other_version_output_fails"),
    "smoke commands": (RUNNING, "test_a_smoke_command_that_fails_is_found_with_what_it_printed"),
    "unknown option": (RUNNING, "test_an_unknown_option_that_is_ignored_or_crashes_is_found"),
    "start-up": (RUNNING, "test_start_up_is_a_figure_in_seconds"),
    "unusual places": ("verification/starts/test_places.py", "test_a_program_that_does_not_work_in_a_place_is_found"),
    "help texts": (
        "verification/starts/test_help_texts.py",
        "test_a_text_that_was_lost_is_named_with_its_command_and_line",
    ),
    "probe twin": ("verification/twin/test_probe.py", "test_anything_else_that_differs_is_named"),
    "import audit": (
        "verification/twin/test_import_audit.py",
        "test_what_only_the_frozen_program_cannot_import_is_found",
    ),
    "parity": (PARITY, "test_a_function_that_returns_something_else_is_named"),
    "time zones": (PARITY, "test_time_zones_that_were_left_behind_are_found"),
    "authorities": (PARITY, "test_a_program_that_trusts_nobody_is_found"),
    "child environment": (CHILDREN, "test_children_of_a_program_without_it_are_found_with_what_they_see"),
    "worker starts": (CHILDREN, "test_workers_that_run_the_program_instead_are_found"),
    "nested starts": (CHILDREN, "test_a_program_that_takes_the_firsts_bundle_for_its_own_is_found"),
    "exit codes": (LIFE, "test_exit_codes_that_are_lost_are_found"),
    "signals": (LIFE, "test_a_program_that_ignores_a_signal_is_ended_and_found"),
    "orphans": (LIFE, "test_a_program_that_survives_its_bootloader_is_ended_and_found"),
    "black-box tests": ("verification/suite/test_black_box.py", "test_a_suite_that_fails_or_runs_no_test_is_found"),
    "source trace": (
        "verification/suite/test_source_trace.py",
        "test_what_the_bundle_lacks_is_named_with_the_test_that_needs_it",
    ),
    "temporary files": (RUNNING, "test_what_a_start_leaves_in_the_temporary_folder_is_found"),
}
# By part of preflight.
SHOWN_REFUSING = {
    "_python_problems": (PREFLIGHT, "test_another_python_than_the_pinned_one_is_refused"),
    "_lock_difference_problems": (PREFLIGHT, "test_another_version_than_the_locked_one_is_named"),
    "_wheel_problems": (PREFLIGHT, "test_a_locked_package_without_a_wheel_for_this_platform_is_named"),
    "_pyinstaller_problems": (PREFLIGHT, "test_an_old_pyinstaller_is_refused"),
    "_license_problems": (PREFLIGHT, "test_a_project_without_a_license_file_is_refused"),
    "_whole_distribution_problems": (
        PREFLIGHT,
        "test_a_whole_distribution_that_the_app_does_not_depend_on_is_refused",
    ),
    "_allowed_finding_problems": (PREFLIGHT, "test_an_allowed_finding_of_a_check_that_there_is_not_is_refused"),
    "_content_problems": (PREFLIGHT, "test_a_project_that_is_not_installed_is_refused"),
    "collision_problems": (PREFLIGHT, "test_two_owners_of_one_name_are_refused"),
    "own_code_problems": (PREFLIGHT, "test_own_code_that_needs_the_site_module_is_refused"),
}


def test_every_check_names_a_test_that_shows_it_failing() -> None:
    assert set(SHOWN_FAILING) == {check.name for check in CHECKS}
    assert set(SHOWN_REFUSING) == {name for name in vars(preflight) if name.endswith("_problems")}


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="most of these tests start scripts, which Windows cannot")
def test_these_tests_fail_when_the_checks_are_taken_out() -> None:
    named = [*SHOWN_FAILING.values(), *SHOWN_REFUSING.values()]
    names = {name for _, name in named}
    finished = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "tests.release_tools.verification.checks_taken_out",
                "-p",
                "no:cacheprovider",
            ),
            *("-q", "--tb=no", "-rapE", "--color=no", "-k", " or ".join(sorted(names))),
            *sorted({str(TESTS / file) for file, _ in named}),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    told = re.findall(r"^([A-Z]+) (\S+?\.py)::(?:\w+::)?(\w+)", finished.stdout, re.MULTILINE)
    failed = {name for verdict, _, name in told if verdict == "FAILED"}
    assert [line for line in told if line[0] in {"PASSED", "ERROR"}] == [], finished.stdout
    assert failed == names, finished.stdout + finished.stderr


def test_every_edit_that_a_gate_makes_fits_the_library() -> None:
    gates = REPOSITORY / "tests" / "integration" / "broken_apps"
    edits = [
        (gate.parent.name, edit)
        for gate in sorted(gates.glob("*/gate.toml"))
        for edit in tomllib.loads(gate.read_text(encoding="utf-8")).get("edits", ())
        if edit["file"].startswith("release_tools/")
    ]
    assert edits
    assert [name for name, edit in edits if edit["old"] not in (REPOSITORY / edit["file"]).read_text("utf-8")] == []
