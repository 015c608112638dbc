"""An S3-compatible storage in a process of its own, for tests."""

from __future__ import annotations

import atexit
import re
import subprocess
import sys
from functools import cache
from typing import IO, Any

REGION = "eu-central-1"
ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key-of-the-bucket"

_PROGRAM = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
app = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True)
print(f"port {server.port}", flush=True)
server.serve_forever()
"""


class BucketServer:
    """The storage. Started again after a stop it has the same port, and nothing in it."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-c", _PROGRAM, str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        output: IO[str] | None = self._process.stdout
        assert output is not None
        found = re.fullmatch(r"port (\d+)\n", output.readline())
        assert found is not None, "the storage does not start"
        self.port = int(found[1])

    def stop(self) -> None:
        """Stop it. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def client(self) -> Any:
        """A client of another maker."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        where = {"LocationConstraint": REGION}
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration=where)

    def keys(self, bucket: str) -> list[str]:
        """The keys in a bucket."""
        found = self.client().list_objects_v2(Bucket=bucket).get("Contents", [])
        return sorted(one["Key"] for one in found)

    def uploads(self, bucket: str) -> int:
        """How many uploads are neither completed nor aborted."""
        return len(self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", []))


@cache
def shared_bucket_server() -> BucketServer:
    """A storage for tests with buckets of their own: it ends with the test process."""
    server = BucketServer()
    atexit.register(server.stop)
    server.start()
    return server
