"""Where the mirror is, and the key to it: from `[tool.release-tools.mirror]` and the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from release_tools.errors import Problem
from release_tools.releasing.errors import MirrorNotConfiguredError
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import MIRROR_KEYS, MIRROR_TABLE

# R2 and MinIO accept it too.
_DEFAULT_REGION: Final = "us-east-1"
_TABLE: Final = f"[tool.release-tools.{MIRROR_TABLE}]"


@dataclass(frozen=True, kw_only=True)
class MirrorSettings:
    """A mirror: its public `url`, and the bucket and prefix behind it. `endpoint` is None for Amazon's own S3.

    `name` is the executable's.
    """

    name: str
    url: str
    bucket: str
    endpoint: str | None
    prefix: str
    region: str

    def key(self, *parts: str) -> str:
        """The key of an object below the prefix."""
        return "/".join([*([self.prefix] if self.prefix else []), *parts])

    def public_url(self, *parts: str) -> str:
        """The URL that users download an object from."""
        return "/".join([self.url.rstrip("/"), *parts])


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A key to the store. The secret parts aren't in its representation."""

    key_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(repr=False)


def mirror_settings(settings: ReleaseSettings, environment: Mapping[str, str] = os.environ) -> MirrorSettings:
    """The mirror of a project. A variable such as `MIRROR_URL` overrides the table's key.

    Raises `MirrorNotConfiguredError` with everything that's missing or invalid.
    """
    overrides = {key: environment.get(variable_of(key), "") for key in MIRROR_KEYS}
    values = {**settings.mirror, **{key: value for key, value in overrides.items() if value}}
    problems = [
        Problem(what=f"{key} isn't set", hint=f"set {key} in {_TABLE}, or {variable_of(key)}: {MIRROR_KEYS[key][1]}")
        for key in ("url", "bucket")
        if key not in values
    ]
    problems += [
        Problem(what=f"{variable_of(key)} is {value!r}", hint=f"set it to {MIRROR_KEYS[key][1]}")
        for key, value in overrides.items()
        if value and not MIRROR_KEYS[key][0](value)
    ]
    if problems:
        raise MirrorNotConfiguredError(problems)
    return MirrorSettings(
        name=settings.executable,
        url=values["url"],
        bucket=values["bucket"],
        endpoint=values.get("endpoint"),
        prefix=values.get("prefix", settings.executable),
        region=values.get("region", _DEFAULT_REGION),
    )


def is_configured(settings: ReleaseSettings, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the project has a mirror at all."""
    return bool(settings.mirror) or any(environment.get(variable_of(key)) for key in MIRROR_KEYS)


def read_credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """The key to the store, from the environment only. Raises `MirrorNotConfiguredError`."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    problems = [
        Problem(
            what=f"{name} isn't set", hint="set it to the key of the store; on GitHub, from a secret of the repository"
        )
        for name in names
        if not environment.get(name)
    ]
    if problems:
        raise MirrorNotConfiguredError(problems)
    token = environment.get("AWS_SESSION_TOKEN") or None
    return Credentials(key_id=environment[names[0]], secret=environment[names[1]], session_token=token)


def variable_of(key: str) -> str:
    """The environment variable that overrides a key of the table."""
    return f"MIRROR_{key.upper()}"
