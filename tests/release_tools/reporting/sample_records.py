"""Sample build records and their files."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from release_tools.reporting.records import BuildRecord, CheckResult, Proof

GOOD = BuildRecord(
    app="tiny",
    platform="linux-amd64",
    version="v1.2.3",
    exact_version="1.2.3",
    commit="1a2b3c4d5e6f",
    python="3.13.9",
    pyinstaller="6.22.3",
    archive="tiny-v1.2.3-linux-amd64.tar.gz",
    archive_bytes=12_345_678,
    executable_bytes=23_456_789,
    sha256="ab" * 32,
    verdict="verified",
    stages={"environment": 1.5, "freeze": 60.0, "verify": 30.0},
    sizes={"tiny-app": 1000},
    checks=(
        CheckResult(name="version", verdict="passed", figure="tiny 1.2.3", seconds=0.5, notes=("odd but harmless",)),
        CheckResult(name="start-up", verdict="passed", figure="0.85 s", seconds=4.3, value=0.852),
        CheckResult(name="macOS minimum", verdict="skipped", figure="no macOS binary"),
    ),
    start_up_seconds=0.852,
    proof=Proof(level="commands", text="no test of the app ran; only this was tried: --help"),
)


def record_of(platform: str, version: str, **changes: Any) -> BuildRecord:
    """The good record with this platform, version and changed fields."""
    name = f"tiny-v{version}-{platform}.tar.gz"
    return dataclasses.replace(
        GOOD, platform=platform, version=f"v{version}", exact_version=version, archive=name, **changes
    )


def write_json(path: Path, record: BuildRecord, **changes: Any) -> Path:
    """Write the record to a file, with keys changed or, by `...`, removed."""
    content = {**json.loads(json.dumps(dataclasses.asdict(record))), **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not ...}), encoding="utf-8")
    return path
