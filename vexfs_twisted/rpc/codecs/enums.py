"""Enumerations of collection configuration: maps from protobuf numbers to members of the model."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from ...model.collection_params import (
    BinaryEncoding,
    BinaryQueryEncoding,
    CompressionRatio,
    Datatype,
    Distance,
    Memory,
    Modifier,
    MultiVectorComparator,
    ScalarType,
    ShardingMethod,
    TurboBits,
)
from ..generated import collections_pb2 as pb

E = TypeVar("E", bound=Enum)

DISTANCES = {
    pb.Distance.Cosine: Distance.COSINE,
    pb.Distance.Euclid: Distance.EUCLID,
    pb.Distance.Dot: Distance.DOT,
    pb.Distance.Manhattan: Distance.MANHATTAN,
}
DATATYPES = {
    pb.Datatype.Float32: Datatype.FLOAT32,
    pb.Datatype.Uint8: Datatype.UINT8,
    pb.Datatype.Float16: Datatype.FLOAT16,
    pb.Datatype.Turbo4: Datatype.TURBO4,
}
MEMORIES = {
    pb.Memory.Cold: Memory.COLD,
    pb.Memory.Cached: Memory.CACHED,
    pb.Memory.Pinned: Memory.PINNED,
}
MODIFIERS = {0: Modifier.NONE, pb.Modifier.Idf: Modifier.IDF}
COMPARATORS = {pb.MultiVectorComparator.MaxSim: MultiVectorComparator.MAX_SIM}
SHARDING_METHODS = {
    pb.ShardingMethod.Auto: ShardingMethod.AUTO,
    pb.ShardingMethod.Custom: ShardingMethod.CUSTOM,
}
SCALAR_TYPES = {pb.QuantizationType.Int8: ScalarType.INT8}
COMPRESSIONS = {
    pb.CompressionRatio.x4: CompressionRatio.X4,
    pb.CompressionRatio.x8: CompressionRatio.X8,
    pb.CompressionRatio.x16: CompressionRatio.X16,
    pb.CompressionRatio.x32: CompressionRatio.X32,
    pb.CompressionRatio.x64: CompressionRatio.X64,
}
BINARY_ENCODINGS = {
    pb.BinaryQuantizationEncoding.OneBit: BinaryEncoding.ONE_BIT,
    pb.BinaryQuantizationEncoding.TwoBits: BinaryEncoding.TWO_BITS,
    pb.BinaryQuantizationEncoding.OneAndHalfBits: BinaryEncoding.ONE_AND_HALF_BITS,
}
_QUERY = pb.BinaryQuantizationQueryEncoding.Setting
BINARY_QUERY_ENCODINGS = {
    _QUERY.Default: BinaryQueryEncoding.DEFAULT,
    _QUERY.Binary: BinaryQueryEncoding.BINARY,
    _QUERY.Scalar4Bits: BinaryQueryEncoding.SCALAR_4_BITS,
    _QUERY.Scalar8Bits: BinaryQueryEncoding.SCALAR_8_BITS,
}
TURBO_BITS = {
    pb.TurboQuantBitSize.Bits1: TurboBits.BITS_1,
    pb.TurboQuantBitSize.Bits1_5: TurboBits.BITS_1_5,
    pb.TurboQuantBitSize.Bits2: TurboBits.BITS_2,
    pb.TurboQuantBitSize.Bits4: TurboBits.BITS_4,
}


def number_of(member: E, members: Mapping[int, E]) -> int:
    """The protobuf number of a member."""
    return next(number for number, other in members.items() if other is member)
