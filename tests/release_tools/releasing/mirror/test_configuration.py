"""Where the mirror is, and the key to it."""

from dataclasses import replace

import pytest

from release_tools.releasing.errors import MirrorNotConfiguredError
from release_tools.releasing.mirror.configuration import is_configured, mirror_settings, read_credentials
from release_tools.settings import ReleaseSettings

TABLE = {"url": "https://downloads.example.org/tiny/", "bucket": "downloads"}


def test_table_needs_only_url_and_bucket(settings: ReleaseSettings) -> None:
    mirror = mirror_settings(replace(settings, mirror=TABLE), {})
    assert (mirror.name, mirror.bucket, mirror.endpoint, mirror.region) == ("tiny", "downloads", None, "us-east-1")
    assert mirror.key("1.2.3", "file") == "tiny/1.2.3/file"
    assert mirror.public_url("1.2.3", "file") == "https://downloads.example.org/tiny/1.2.3/file"


def test_empty_prefix_is_the_top_of_the_bucket(settings: ReleaseSettings) -> None:
    mirror = mirror_settings(replace(settings, mirror={**TABLE, "prefix": ""}), {})
    assert mirror.key("versions.json") == "versions.json"


def test_variables_override_the_table(settings: ReleaseSettings) -> None:
    environment = {"MIRROR_BUCKET": "others", "MIRROR_ENDPOINT": "http://127.0.0.1:9000", "MIRROR_REGION": ""}
    mirror = mirror_settings(replace(settings, mirror=TABLE), environment)
    assert (mirror.bucket, mirror.endpoint, mirror.region) == ("others", "http://127.0.0.1:9000", "us-east-1")


def test_everything_missing_or_invalid_is_reported_together(settings: ReleaseSettings) -> None:
    assert not is_configured(settings, {})
    with pytest.raises(MirrorNotConfiguredError) as caught:
        mirror_settings(settings, {"MIRROR_URL": "file:///etc", "MIRROR_PREFIX": "../x"})
    problems = " ".join(problem.what for problem in caught.value.problems)
    assert all(name in problems for name in ("bucket", "MIRROR_URL", "MIRROR_PREFIX"))


def test_credentials_come_from_the_environment_and_are_not_shown() -> None:
    with pytest.raises(MirrorNotConfiguredError) as caught:
        read_credentials({"AWS_SECRET_ACCESS_KEY": "hidden"})
    assert len(caught.value.problems) == 1
    environment = {"AWS_ACCESS_KEY_ID": "name", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_SESSION_TOKEN": "hidden"}
    credentials = read_credentials(environment)
    assert credentials.secret == environment["AWS_SECRET_ACCESS_KEY"]
    assert "hidden" not in repr(credentials)
