"""Authorities and certificates for tests of TLS, made for the test, and clients that use them."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from pathlib import Path
from typing import Any

import grpc
import trustme

from tests.support import DaemonProcess, run_command


class Authority:
    """An authority, and the files of a server whose certificate it has signed, in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        self.authority = folder / "authority.pem"
        self.chain = folder / "cert.pem"
        self.key = folder / "key.pem"
        self._authority.cert_pem.write_to_path(str(self.authority))
        self.issue()

    def issue(self) -> None:
        """Write another certificate for the server, with a key of its own."""
        made = self._authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.ECDSA)
        made.private_key_pem.write_to_path(str(self.key))
        self.chain.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))

    def client(self, folder: Path) -> tuple[str, str]:
        """The files of the certificate and the key of a client."""
        made = self._authority.issue_cert("ada@example.org", key_type=trustme.KeyType.ECDSA)
        chain, key = folder / "client-cert.pem", folder / "client-key.pem"
        chain.write_bytes(made.cert_chain_pems[0].bytes())
        key.write_bytes(made.private_key_pem.bytes())
        return str(chain), str(key)

    @property
    def options(self) -> list[str]:
        """The options of a server with the certificate."""
        return ["--enable-tls", f"--tls-cert={self.chain}", f"--tls-key={self.key}"]

    def context(self, client: tuple[str, str] | None = None) -> ssl.SSLContext:
        """What a client needs to trust this authority alone."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if client is not None:
            context.load_cert_chain(*client)
        return context

    def connect(
        self, port: int, client: tuple[str, str] | None = None
    ) -> http.client.HTTPSConnection:
        """A connection of REST, which is opened by its first request."""
        context = self.context(client)
        return http.client.HTTPSConnection("localhost", port, timeout=30, context=context)

    def channel(self, port: int, client: tuple[str, str] | None = None) -> grpc.Channel:
        """A channel of gRPC."""
        chain, key = (Path(name).read_bytes() for name in client) if client else (None, None)
        credentials = grpc.ssl_channel_credentials(self.authority.read_bytes(), key, chain)
        # Channels to the same address share connections otherwise.
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.secure_channel(f"localhost:{port}", credentials, options)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Any:
    """The result of a request that succeeds."""
    text = None if body is None else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    if answer.status != 200:
        raise AssertionError(f"{method} {path}: {answer.status} {data!r:.500}")
    return json.loads(data)["result"]


def run_official_client(
    daemon: DaemonProcess, authority: Authority, client: tuple[str, str] | None = None
) -> str:
    """Use the server by the official client over both wires; what went wrong, or nothing.

    In a process of its own: grpc reads the authorities that the official client trusts only once.
    """
    ports = [str(daemon.http_port), str(daemon.grpc_port)]
    command = [sys.executable, "-m", "tests.programs.official_client", *ports]
    done = run_command(
        [*command, str(authority.authority), *(client or ())],
        Path(__file__).parent.parent,
        {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(authority.authority)},
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
