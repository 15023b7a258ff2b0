"""The whole verification, in order: every check by its name and what it needs.

A check looks at the archive, unpacked into an empty folder; never at the file that the freeze left behind. No phase
starts after a failed one, so nothing is started whose bytes are wrong.
"""

from typing import Final

from release_tools.verification.check import Check, Phase
from release_tools.verification.starts import help_texts, places, running
from release_tools.verification.static import (
    archive,
    bundled_version,
    completeness,
    floors,
    freeze_support,
    leaks,
    native_members,
    path_lengths,
    signatures,
    sizes,
    unlocked,
    windows_version,
)
from release_tools.verification.suite import black_box, source_trace
from release_tools.verification.twin import children, import_audit, life_cycle, parity, probe, system_data

# The check whose number is the start-up time of a build's record.
START_UP: Final = "start-up"

BYTES: Final = Phase(
    checks=(
        # The archive and every member of the executable, by their bytes: on any machine.
        Check(name="archive members", needs="archive", run=archive.check_members),
        Check(name="archive size", needs="archive", run=archive.check_size),
        Check(name="machine", needs="archive", run=archive.check_machine),
        Check(name="bundled version", needs="archive", run=bundled_version.check_bundled_version),
        Check(name="version resource", needs="archive", run=windows_version.check_version_resource),
        Check(name="machine of members", needs="archive", run=native_members.check_member_machines),
        Check(name="glibc floor", needs="archive", run=floors.check_glibc_floor),
        Check(name="macOS minimum", needs="archive", run=floors.check_macos_minimum),
        Check(name="needed libraries", needs="archive", run=native_members.check_needed_libraries),
        Check(name="executable stacks", needs="archive", run=native_members.check_executable_stacks),
        Check(name="segment alignment", needs="archive", run=native_members.check_segment_alignment),
        Check(name="run paths", needs="archive", run=native_members.check_run_paths),
        Check(name="path lengths", needs="archive", run=path_lengths.check_path_lengths),
        Check(name="packed members", needs="archive", run=native_members.check_packing),
        Check(name="code signatures", needs="archive", run=signatures.check_signatures),
        Check(name="worker processes", needs="archive", run=freeze_support.check_worker_processes),
        Check(name="leaks", needs="archive", run=leaks.check_leaks),
    )
)

STARTS: Final = Phase(
    checks=(
        # The bytes compared with what the build knows.
        Check(name="size by distribution", needs="build", run=sizes.check_sizes),
        Check(name="unlocked distributions", needs="build", run=unlocked.check_unlocked_distributions),
        Check(name="own files", needs="build", run=completeness.check_own_files),
        Check(name="namespace packages", needs="build", run=completeness.check_namespace_packages),
        # By starting the executable.
        Check(name="codesign", needs="host", run=signatures.check_codesign),
        Check(name="version", needs="host", run=running.check_version),
        Check(name="smoke commands", needs="host", run=running.check_smoke_commands),
        Check(name="unknown option", needs="host", run=running.check_unknown_option),
        Check(name="unusual places", needs="host", run=places.check_places),
        Check(name="help texts", needs="build", run=help_texts.check_help_texts),
        # By asking its twin, which runs our scripts inside the same bundle.
        Check(name="probe twin", needs="build", run=probe.check_equality),
        Check(name="import audit", needs="build", run=import_audit.check_imports),
        Check(name="parity", needs="build", run=parity.check_parity),
        Check(name="time zones", needs="build", run=system_data.check_time_zones),
        Check(name="authorities", needs="build", run=system_data.check_authorities),
        Check(name="child environment", needs="build", run=children.check_child_environment),
        Check(name="worker starts", needs="build", run=children.check_workers),
        Check(name="nested starts", needs="build", run=children.check_nested_starts),
        Check(name="exit codes", needs="build", run=life_cycle.check_exit_codes),
        Check(name="signals", needs="build", run=life_cycle.check_signals),
        Check(name="orphans", needs="build", run=life_cycle.check_orphans),
        # By the app's own tests; the traced ones have been running since before the freeze.
        Check(name="source trace", needs="build", run=source_trace.check_source_trace),
        Check(name="black-box tests", needs="host", run=black_box.check_suite, is_long=True),
    )
)

QUIET: Final = Phase(
    checks=(
        # Nothing else may use the processor while this measures.
        Check(name=START_UP, needs="host", run=running.check_start_up),
        # Last: it looks at what all starts before it left behind.
        Check(name="temporary files", needs="host", run=running.check_temporary_files),
    ),
    is_concurrent=False,
)

PHASES: Final = (BYTES, STARTS, QUIET)
CHECKS: Final = tuple(check for phase in PHASES for check in phase.checks)
