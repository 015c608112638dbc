"""Where a server is."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from attrs import field, frozen

from .errors import MigrationError

GRPC_PORT = 6334
_SCHEMES = {"http": False, "grpc": False, "https": True, "grpcs": True}


@frozen
class ServerUrl:
    """Where the gRPC port of a server is, and how it is reached. The key is in no text."""

    host: str
    port: int
    is_tls: bool
    api_key: str | None = field(default=None, repr=False)
    ca_certificate: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self.address}"

    @property
    def address(self) -> str:
        """Host and port, as gRPC wants them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_url(
    text: str, api_key: str | None = None, ca_certificate: bytes | None = None
) -> ServerUrl:
    """The server that `text` names: http://HOST:PORT, https://HOST:PORT, or HOST:PORT.

    Raises MigrationError. The port is that of gRPC, by default 6334.
    """
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or GRPC_PORT
    except ValueError as error:
        raise MigrationError(f"{text!r} is no URL: {error}") from None
    if parts.scheme not in _SCHEMES:
        raise MigrationError(f"{text!r} begins with neither http:// nor https://")
    if parts.username is not None or parts.password is not None:
        # It would be shown wherever the URL is.
        raise MigrationError("a URL takes no user nor password: give the API key by its option")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise MigrationError(f"{text!r} must be a host and a port")
    return ServerUrl(parts.hostname, port, _SCHEMES[parts.scheme], api_key, ca_certificate)
