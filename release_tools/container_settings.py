"""What a project says about the container that stands in for a machine of another platform."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from release_tools.setting_values import is_text, is_text_list

# The table below `[tool.release-tools]`, named after the one platform that can be built in a container.
CONTAINER_TABLE: Final = "linux-arm64"


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """The image, and options for docker or podman."""

    image: str | None = None
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "ContainerSettings":
        """The settings that a table holds which `is_container_table`."""
        return cls(image=table.get("container-image"), options=tuple(table.get("container-options", ())))


NO_CONTAINER: Final = ContainerSettings()


def is_container_table(value: object) -> bool:
    """Whether the keys and values of the table are known ones."""
    checks = {"container-image": is_text, "container-options": is_text_list}
    return isinstance(value, dict) and all(key in checks and checks[key](entry) for key, entry in value.items())
