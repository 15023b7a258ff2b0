"""A machine to run `install.sh` on: a home, a chosen shell, and a PATH with few programs."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

# Where a system has its programs, whatever the PATH of the tests.
SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
SHELLS: Final = ("dash", "bash", "busybox")
# What install.sh uses, except for the programs that download and hash.
COMMON_PROGRAMS: Final = (
    *(
        "awk",
        "cat",
        "chmod",
        "dirname",
        "getconf",
        "grep",
        "gzip",
        "ldd",
        "ln",
        "mkdir",
        "mv",
        "rm",
        "rmdir",
        "sed",
        "sh",
    ),
    *("sleep", "tail", "tar", "uname", "wc"),
)


def system_program(name: str) -> str:
    """The absolute path of a program; the test is skipped on a machine without it."""
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        pytest.skip(f"{name} isn't installed")
    return found


@dataclass(frozen=True)
class Outcome:
    code: int
    stdout: str
    stderr: str


@dataclass
class Machine:
    """A home, and a PATH with the programs that install.sh may use."""

    home: Path
    bin: Path
    shell: list[str]
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def program(self) -> Path:
        return self.home / ".local" / "bin" / "tiny"

    @property
    def environment(self) -> Mapping[str, str]:
        # A loopback address that no proxy of this machine sees.
        return {"HOME": str(self.home), "PATH": str(self.bin), "SHELL": "/bin/bash", **self.variables}

    def add(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink(missing_ok=True)
            (self.bin / name).symlink_to(system_program(name))

    def remove(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink(missing_ok=True)

    def fake(self, name: str, script: str) -> None:
        """Put a shell script in place of a program."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def uname(self, system: str, machine: str) -> None:
        self.fake("uname", f"case $1 in -s) echo {system} ;; -m) echo {machine} ;; *) exit 1 ;; esac")

    def run(self, script: str, *args: str, prefix: tuple[str, ...] = ()) -> Outcome:
        """Run the script as `… | sh -s -- ARGS` does, after a command `prefix`."""
        finished = subprocess.run(
            [*prefix, *self.shell, "-s", "--", *args],
            input=script,
            env=dict(self.environment),
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Outcome(code=finished.returncode, stdout=finished.stdout, stderr=finished.stderr)

    def start(self, script: str) -> "subprocess.Popen[str]":
        """Start the script from a file, in its own process group, as a terminal does."""
        path = self.home.parent / "install.sh"
        path.write_text(script)
        return subprocess.Popen(
            [*self.shell, str(path)],
            env=dict(self.environment),
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def tree(self) -> list[str]:
        """Everything in the home, by path."""
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*"))
