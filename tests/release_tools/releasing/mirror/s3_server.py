"""A real S3 server on this machine, SeaweedFS, which enforces preconditions, checksums and signatures."""

import contextlib
import itertools
import json
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from release_tools.processes.run import changed_environment, started_with_log
from release_tools.releasing.mirror.configuration import Credentials, MirrorSettings
from release_tools.releasing.mirror.store import S3Client, make_client

BUCKET = "downloads"
CREDENTIALS = Credentials(key_id="tester", secret="a-secret-of-the-tests", session_token=None)  # noqa: S106
_SERVICES = ("master", "volume", "filer", "s3")
_START_SECONDS = 120


@dataclass(frozen=True)
class S3Server:
    """The address of the running server."""

    host: str
    port: int
    _prefixes: Iterator[int] = field(default_factory=itertools.count, compare=False)

    def mirror(self, prefix: str, *, port: int | None = None) -> MirrorSettings:
        """The settings of a mirror below this prefix, which is reached by another port if there is a proxy."""
        endpoint = f"http://{self.host}:{port or self.port}"
        return MirrorSettings(
            name="tiny",
            url=f"http://{self.host}:{self.port}/{BUCKET}/{prefix}",
            bucket=BUCKET,
            endpoint=endpoint,
            prefix=prefix,
            region="us-east-1",
        )

    def client(self) -> S3Client:
        return make_client(self.mirror("unused"), CREDENTIALS)

    def new_prefix(self) -> str:
        """A prefix that no other test uses."""
        return f"mirror-{next(self._prefixes)}"


@contextlib.contextmanager
def serve_s3(folder: Path) -> Iterator[S3Server]:
    """Run the server with its data in `folder`, and an empty bucket that anyone can read."""
    weed = shutil.which("weed")
    if weed is None:
        pytest.skip("SeaweedFS isn't installed: the group `store` has no wheel for this machine")
    anyone = {"name": "anonymous", "actions": [f"Read:{BUCKET}"]}
    tester = {
        "name": "tester",
        "credentials": [{"accessKey": CREDENTIALS.key_id, "secretKey": CREDENTIALS.secret}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [tester, anyone]}), encoding="utf-8")
    ports = free_ports(2 * len(_SERVICES))
    command = [weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-filer", "-s3"]
    command += [
        f"-s3.config={folder / 's3.json'}",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=10", "-volume.preStopSeconds=0"]
    for number, service in enumerate(_SERVICES):
        command += [f"-{service}.port={ports[2 * number]}", f"-{service}.port.grpc={ports[2 * number + 1]}"]
    s3_port = ports[2 * _SERVICES.index("s3")]
    log = folder / "server.log"
    environment = changed_environment({"HOME": str(folder)})
    with started_with_log(
        command, cwd=folder, environment=environment, timeout_seconds=3600, log=log, in_background=False
    ):
        server = S3Server("127.0.0.1", s3_port)
        _create_bucket(server, log)
        yield server


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _create_bucket(server: S3Server, log: Path) -> None:
    client = server.client()
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)  # type: ignore[attr-defined] # only tests create one
            return
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > deadline:
                pytest.fail(f"the S3 server doesn't answer: {error}\n{log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.1)
