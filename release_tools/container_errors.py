"""What stands in the way of a build in a container."""

from collections.abc import Sequence

from release_tools.errors import ReleaseError


class NoContainerProgramError(ReleaseError):
    """A build in a container was asked for, and nothing here starts containers."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(
            "a container is needed, and neither docker nor podman can start one here"
            + "".join(f"\n  - {line}" for line in words),
            "install podman (sudo apt install podman) or docker, or start docker's daemon and join its group",
        )


class MissingEmulatorError(ReleaseError):
    """The kernel cannot run programs of the container's machine."""

    def __init__(self, platform_name: str, program: str, words: str) -> None:
        listed = "".join(f"\n  | {line}" for line in words.splitlines()[-3:])
        super().__init__(
            f"this machine cannot run programs of {platform_name}: QEMU is not registered with its kernel{listed}",
            "register it with one of: sudo apt install qemu-user-static binfmt-support · "
            f"sudo {program} run --privileged --rm docker.io/tonistiigi/binfmt --install arm64; "
            "then run the same command again",
        )


class ContainerError(ReleaseError):
    """A container cannot be used for a build, or left none."""
