"""What a project says about the container that stands in for a machine of another platform."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from release_tools.setting_values import is_text_list

# The table below `[tool.release-tools]`, named after the one platform that can be built in a container.
CONTAINER_TABLE: Final = "linux-arm64"

# For people who have to name one; it has all that a build needs.
EXAMPLE_IMAGE: Final = "ghcr.io/astral-sh/uv:bookworm"


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


def is_image_name(value: object) -> bool:
    """Whether it can be the name of an image; one that begins with a dash would be taken for an option."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9\[][\w./:@\[\]-]*", value, re.ASCII) is not None


def is_container_table(value: object) -> bool:
    """Whether the keys and values of the table are known ones."""
    checks = {"container-image": is_image_name, "container-options": is_text_list}
    return isinstance(value, dict) and all(key in checks and checks[key](entry) for key, entry in value.items())
