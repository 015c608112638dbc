"""Settings of the gRPC server: address, limits, timeouts, channel options."""

from __future__ import annotations

from attrs import frozen

from ..certificates import CertificateStore

UNLIMITED = -1

MEBIBYTE = 1024 * 1024

# The compression level that maps to gzip. A level, unlike an algorithm, is only applied for clients
# that declare they accept it.
_GZIP = 1

# The Go client pings every 10 s even while it is idle. grpcio takes that for an attack and
# disconnects, unless pings without data are allowed at a shorter interval and are never counted as
# strikes.
_PING_TOLERANCE = (
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
)


@frozen
class RpcSettings:
    """Settings of the gRPC server. Port 0 lets the system choose.

    `max_message_size` is in bytes, None for no limit. The decompressed size of a message is also
    limited by `max_unpacked_size`, against compression bombs. `message_wait`: the timeout, in
    seconds, for the message of a call; `probe_wait`: that of the health and reflection services.
    `max_calls`: concurrent calls per connection. `max_watches` and `max_reflections`: open streams
    of health and reflection, of all clients together. `stop_grace`: seconds that calls in progress
    get to finish when the server stops. `gzip`: compress responses for clients that accept it,
    which is slower on a fast network. Requests may always be compressed. `transport`: what the
    server is made of, "queue" or "aio"; "auto" takes the queue where it proves sound.
    `shares_port`: other processes listen on the same port; with `is_first`, none may do so before.
    `socket`: the path of a Unix socket to listen on as well, for calls that these pass on.
    `certificates`: the port takes TLS only, with these; the Unix socket never does.
    """

    host: str = "127.0.0.1"
    port: int = 6334
    max_message_size: int | None = 512 * MEBIBYTE
    max_unpacked_size: int = 64 * MEBIBYTE
    message_wait: float = 120.0
    probe_wait: float = 10.0
    max_calls: int = 1000
    max_watches: int = 100
    max_reflections: int = 100
    keepalive_time_ms: int = 30_000
    keepalive_timeout_ms: int = 5_000
    stop_grace: float = 10.0
    gzip: bool = False
    transport: str = "auto"
    shares_port: bool = False
    is_first: bool = False
    socket: str | None = None
    certificates: CertificateStore | None = None

    @property
    def address(self) -> str:
        """`host:port` for grpc: an IPv6 address is in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def unpacked_limit(self) -> int:
        """The maximum decompressed size of a compressed message, in bytes."""
        size = self.max_message_size
        return self.max_unpacked_size if size is None else min(size, self.max_unpacked_size)

    def channel_options(self) -> list[tuple[str, int]]:
        """The options of a grpc server."""
        size = UNLIMITED if self.max_message_size is None else self.max_message_size
        return [
            # A second server on the same port must fail, not share its connections.
            ("grpc.so_reuseport", int(self.shares_port)),
            ("grpc.max_receive_message_length", size),
            ("grpc.max_send_message_length", size),
            ("grpc.max_concurrent_streams", self.max_calls),
            # Messages arrive compressed and are decompressed by us: see message_reader.
            ("grpc.per_message_decompression", 0),
            ("grpc.keepalive_time_ms", self.keepalive_time_ms),
            ("grpc.keepalive_timeout_ms", self.keepalive_timeout_ms),
            *_PING_TOLERANCE,
            ("grpc.default_compression_level", _GZIP if self.gzip else 0),
        ]
