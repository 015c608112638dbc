"""What the process that writes and those that read tell each other, over pipes.

A reader gets its Order on its standard input, and after RELOAD another with changed settings. The
end of the input is the end of the process that writes, unless STOP came before. It writes lines of
JSON to its standard output: log lines, and objects with the one key `ready` or `figures`.
"""

from __future__ import annotations

import pickle
from struct import Struct
from typing import BinaryIO

from attrs import frozen

from ..config import Config

STOP = b"S"
RELOAD = b"R"

_SIZE = Struct("<I")


@frozen
class Order:
    """What a reader is to serve: `config` has the actual ports. The paths are of Unix sockets."""

    number: int
    config: Config
    rest_socket: str
    grpc_socket: str

    def dump(self) -> bytes:
        """The bytes that `load` reads."""
        data = pickle.dumps(self)
        return _SIZE.pack(len(data)) + data

    @classmethod
    def load(cls, stream: BinaryIO) -> Order:
        """Read an order from the process that has started this one."""
        (size,) = _SIZE.unpack(stream.read(_SIZE.size))
        order = pickle.loads(stream.read(size))
        assert isinstance(order, cls)
        return order
