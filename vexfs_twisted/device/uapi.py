"""The VexFS v2 device interface: structs and numbers, little endian, natural C alignment.

The C form of the same is include/vexfs_device.h; a test compares the two with a C compiler.
Vectors and scores travel as the bit patterns of IEEE 754 single precision in u32 words, which is
what a little-endian float32 array holds. Pointers are addresses in the memory of the caller. The
numbers of search types are those of model.device.DeviceMetric.
"""

from __future__ import annotations

import ctypes
from enum import IntEnum, IntFlag
from typing import ClassVar

MAGIC = 0x56455832
"""The magic number that statfs returns for a mount of the kernel module ("VEX2")."""

MAX_DIMENSIONS = 65536
MAX_INSERT_COUNT = 1_000_000
"""The limit of vectors in one BATCH_INSERT."""


class ElementType(IntEnum):
    """How the components of vectors are stored."""

    FLOAT32 = 1
    FLOAT16 = 2
    INT8 = 3
    BINARY = 4


class StorageFormat(IntEnum):
    """The layout of vectors in the file."""

    DENSE = 0
    SPARSE = 1
    COMPRESSED = 2


class Compression(IntEnum):
    """How the data are compressed."""

    NONE = 0
    LZ4 = 1
    ZSTD = 2


class InsertFlag(IntFlag):
    """How an insert treats existing ids, and whether it validates its vectors."""

    OVERWRITE = 1
    APPEND = 2
    VALIDATE = 4


_Fields = list[tuple[str, type]]


class VectorFileInfo(ctypes.LittleEndianStructure):
    """struct vector_file_info, 40 bytes: the argument of SET_VECTOR_META and GET_VECTOR_META."""

    _fields_: ClassVar[_Fields] = [
        ("dimensions", ctypes.c_uint32),
        ("element_type", ctypes.c_uint32),
        ("vector_count", ctypes.c_uint32),
        ("storage_format", ctypes.c_uint32),
        ("data_offset", ctypes.c_uint64),
        ("index_offset", ctypes.c_uint64),
        ("compression_type", ctypes.c_uint32),
        ("alignment_bytes", ctypes.c_uint32),
    ]


class VectorSearchRequest(ctypes.LittleEndianStructure):
    """struct vector_search_request, 48 bytes: the argument of VECTOR_SEARCH.

    `query_vector_bits` points to `dimensions` u32, `results_bits` to room for k u32 scores and
    `result_ids` to room for k u64. `result_count` is set by the device.
    """

    _fields_: ClassVar[_Fields] = [
        ("query_vector_bits", ctypes.c_uint64),
        ("dimensions", ctypes.c_uint32),
        ("k", ctypes.c_uint32),
        ("search_type", ctypes.c_uint32),
        ("padding_before_results", ctypes.c_uint32),
        ("results_bits", ctypes.c_uint64),
        ("result_ids", ctypes.c_uint64),
        ("result_count", ctypes.c_uint32),
        ("padding_at_end", ctypes.c_uint32),
    ]


class BatchInsertRequest(ctypes.LittleEndianStructure):
    """struct batch_insert_request, 32 bytes: the argument of BATCH_INSERT.

    `vectors_bits` points to `vector_count` times `dimensions` u32, row by row, and `vector_ids` to
    `vector_count` u64, or is null.
    """

    _fields_: ClassVar[_Fields] = [
        ("vectors_bits", ctypes.c_uint64),
        ("vector_count", ctypes.c_uint32),
        ("dimensions", ctypes.c_uint32),
        ("vector_ids", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("padding_at_end", ctypes.c_uint32),
    ]


_WRITE = 1
_READ = 2


def _number(direction: int, number: int, argument: type[ctypes.Structure]) -> int:
    """The number of an ioctl of type 'V', as asm-generic/ioctl.h makes it (_IOW, _IOR, _IOWR)."""
    return direction << 30 | ctypes.sizeof(argument) << 16 | ord("V") << 8 | number


SET_VECTOR_META = _number(_WRITE, 1, VectorFileInfo)
GET_VECTOR_META = _number(_READ, 2, VectorFileInfo)
VECTOR_SEARCH = _number(_READ | _WRITE, 3, VectorSearchRequest)
BATCH_INSERT = _number(_WRITE, 4, BatchInsertRequest)
