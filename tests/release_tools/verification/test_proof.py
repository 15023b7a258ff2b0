import pytest

from release_tools.reporting.records import CheckResult, ProofLevel, Verdict
from release_tools.verification.checks import BLACK_BOX_TESTS, CHECKS, SMOKE_COMMANDS, proof_of


@pytest.mark.parametrize(
    ("smoke", "tests", "level"),
    [
        ("passed", "passed", "tests"),
        ("skipped", "passed", "tests"),
        ("passed", "skipped", "commands"),
        ("failed", "failed", "start"),
        ("skipped", "skipped", "start"),
    ],
)
def test_proof_is_what_passed(smoke: Verdict, tests: Verdict, level: ProofLevel) -> None:
    results = [
        CheckResult(name=SMOKE_COMMANDS, verdict=smoke, figure="--help, doctor"),
        CheckResult(name=BLACK_BOX_TESTS, verdict=tests, figure="31 passed in 2.1s"),
    ]
    proof = proof_of(results)
    assert proof.level == level
    assert ("31 passed" in proof.text, "doctor" in proof.text) == (level == "tests", level == "commands")


def test_checks_that_prove_most_exist() -> None:
    assert {SMOKE_COMMANDS, BLACK_BOX_TESTS} <= {check.name for check in CHECKS}
