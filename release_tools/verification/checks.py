"""The table of checks, in the order in which they run.

Every check works on the packaged archive, unpacked into an empty folder, never on the output of the freeze. With
`--fail-fast`, no phase starts after a failed one. A downloaded archive whose bytes are wrong is never started.
"""

from collections.abc import Iterable
from typing import Final

from release_tools.reporting.records import CheckResult, Proof, ProofLevel
from release_tools.verification.check import Assumption, Check, Phase
from release_tools.verification.starts import commands, help_texts, places, running
from release_tools.verification.static import (
    archive,
    bundled_files,
    embedded_version,
    floors,
    freeze_messages,
    freeze_support,
    leaks,
    native_members,
    signatures,
    sizes,
    unpacked_files,
)
from release_tools.verification.suite import black_box, source_trace
from release_tools.verification.twin import children, import_audit, life_cycle, parity, probe, system_data

SMOKE_COMMANDS: Final = "smoke commands"
BLACK_BOX_TESTS: Final = "black-box tests"
# Its measurement is the start-up time in the build record.
START_UP: Final = "start-up"

# What a check assumes of the program.
_PYTHON, _PROGRAM, _VERSION = Assumption.PYTHON_STARTS, Assumption.PROGRAM_STARTS, Assumption.VERSION_IS_PRINTED

BYTES: Final = Phase(
    checks=(
        # Read the bytes of the archive and everything in the executable, on any machine.
        Check(name="archive members", needs="archive", run=archive.check_members, is_identity=True),
        Check(name="archive size", needs="archive", run=archive.check_size),
        Check(name="architecture", needs="archive", run=archive.check_architecture, is_identity=True),
        Check(name="bundled version", needs="archive", run=embedded_version.check_bundled_version, is_identity=True),
        Check(name="version resource", needs="archive", run=embedded_version.check_version_resource, is_identity=True),
        Check(name="member architectures", needs="archive", run=native_members.check_member_architectures),
        Check(name="glibc floor", needs="archive", run=floors.check_glibc_floor),
        Check(name="macOS minimum", needs="archive", run=floors.check_macos_minimum),
        Check(name="needed libraries", needs="archive", run=native_members.check_needed_libraries),
        Check(name="executable stacks", needs="archive", run=native_members.check_executable_stacks),
        Check(name="segment alignment", needs="archive", run=native_members.check_segment_alignment),
        Check(name="rpaths", needs="archive", run=native_members.check_rpaths),
        Check(name="path lengths", needs="archive", run=bundled_files.check_path_lengths),
        Check(name="unpacked files", needs="archive", run=unpacked_files.check_unpacked_files),
        Check(name="UPX", needs="archive", run=native_members.check_upx),
        Check(name="code signatures", needs="archive", run=signatures.check_signatures),
        Check(name="freeze_support", needs="archive", run=freeze_support.check_freeze_support),
        Check(name="leaks", needs="archive", run=leaks.check_leaks),
    )
)

FIRST_START: Final = Phase(
    checks=(
        # Compare the bytes with the environment that was frozen.
        Check(name="freeze messages", needs="build", run=freeze_messages.check_freeze_messages),
        Check(name="size by distribution", needs="build", run=sizes.check_sizes),
        Check(name="build-only distributions", needs="build", run=bundled_files.check_build_only_distributions),
        Check(name="bundled files", needs="build", run=bundled_files.check_bundled_files),
        Check(name="data digests", needs="build", run=bundled_files.check_data_digests),
        Check(name="codesign", needs="host", run=signatures.check_codesign),
        # The only start here: if it fails, others would fail for the same reason.
        Check(name="version", needs="host", run=running.check_version),
    )
)

STARTS: Final = Phase(
    checks=(
        # Start the executable.
        Check(name=SMOKE_COMMANDS, needs="host", run=commands.check_smoke_commands, assumes=_PROGRAM),
        Check(name="unknown option", needs="host", run=commands.check_unknown_option, assumes=_PROGRAM),
        Check(name="unusual places", needs="host", run=places.check_places, assumes=_VERSION),
        Check(name="help texts", needs="build", run=help_texts.check_help_texts, assumes=_PROGRAM),
        # Run scripts in the same bundle through the probe twin.
        Check(name="probe twin", needs="build", run=probe.check_equality),
        Check(name="import audit", needs="build", run=import_audit.check_imports, assumes=_PYTHON),
        Check(name="parity", needs="build", run=parity.check_parity, assumes=_PYTHON),
        Check(name="time zones", needs="build", run=system_data.check_time_zones, assumes=_PYTHON),
        Check(name="CA certificates", needs="build", run=system_data.check_authorities, assumes=_PYTHON),
        Check(name="child environment", needs="build", run=children.check_child_environment, assumes=_PYTHON),
        Check(name="worker starts", needs="build", run=children.check_workers, assumes=_PYTHON),
        Check(name="nested starts", needs="build", run=children.check_nested_starts, assumes=_VERSION),
        Check(name="exit codes", needs="build", run=life_cycle.check_exit_codes, assumes=_PYTHON),
        Check(name="signals", needs="build", run=life_cycle.check_signals, assumes=_PYTHON),
        Check(name="orphans", needs="build", run=life_cycle.check_orphans, assumes=_PYTHON),
        # Run the app's own tests; the traced run started before the freeze, unless --fail-fast was given.
        Check(name="source trace", needs="build", run=source_trace.check_source_trace),
        Check(name=BLACK_BOX_TESTS, needs="host", run=black_box.check_suite, assumes=_PROGRAM, is_long=True),
    )
)

QUIET: Final = Phase(
    checks=(
        # Measured alone, so that no other check uses the processor.
        Check(name=START_UP, needs="host", run=running.check_start_up, assumes=_VERSION),
        # Last, so that it sees what every earlier start left behind.
        Check(name="temporary files", needs="host", run=commands.check_temporary_files),
    ),
    is_concurrent=False,
)

PHASES: Final = (BYTES, FIRST_START, STARTS, QUIET)
CHECKS: Final = tuple(check for phase in PHASES for check in phase.checks)


def proof_of(results: Iterable[CheckResult]) -> Proof:
    """What the checks tried of the app, as far as they passed."""
    figures = {result.name: result.figure for result in results if result.verdict == "passed"}
    if BLACK_BOX_TESTS in figures:
        return Proof(level="tests", text=f"the app's own tests passed on the binary: {figures[BLACK_BOX_TESTS]}")
    level: ProofLevel = "commands" if SMOKE_COMMANDS in figures else "start"
    tried = figures.get(SMOKE_COMMANDS, "--version")
    return Proof(level=level, text=f"no test of the app ran; only this was tried: {tried}")
