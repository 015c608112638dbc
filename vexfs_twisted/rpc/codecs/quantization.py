"""The codec of quantization settings."""

from __future__ import annotations

from typing import Any

from ...model.collection_params import (
    BinaryQuantization,
    Disabled,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    TurboQuantization,
)
from ...model.errors import MalformedMessage
from ..generated import collections_pb2 as pb
from .enums import (
    BINARY_ENCODINGS,
    BINARY_QUERY_ENCODINGS,
    COMPRESSIONS,
    MEMORIES,
    SCALAR_TYPES,
    TURBO_BITS,
    number_of,
)
from .fields import given, known, read_enum, write_given


def read_quantization(message: pb.QuantizationConfig) -> QuantizationConfig:
    """Decode quantization settings. Raises MalformedMessage."""
    kind = message.WhichOneof("quantization")
    if kind == "scalar":
        return QuantizationConfig(scalar=_read_scalar(message.scalar))
    if kind == "product":
        return QuantizationConfig(product=_read_product(message.product))
    if kind == "binary":
        return QuantizationConfig(binary=_read_binary(message.binary))
    if kind == "turboquant":
        return QuantizationConfig(turbo=_read_turbo(message.turboquant))
    raise MalformedMessage("Unable to convert quantization config: no kind is set")


def read_quantization_diff(message: pb.QuantizationConfigDiff) -> QuantizationConfig | Disabled:
    """Decode a change of quantization: new settings or Disabled. Raises MalformedMessage."""
    if message.WhichOneof("quantization") == "disabled":
        return Disabled.DISABLED
    # The fields have other numbers here than in a config, but the same messages.
    kind = message.WhichOneof("quantization")
    settings = {} if kind is None else {kind: getattr(message, kind)}
    return read_quantization(pb.QuantizationConfig(**settings))


def _common(message: Any) -> dict[str, Any]:
    return {**given(message, "always_ram"), "memory": read_enum(message, "memory", MEMORIES)}


def _read_scalar(message: pb.ScalarQuantization) -> ScalarQuantization:
    kind = known(message.type, "type", SCALAR_TYPES)
    return ScalarQuantization(type=kind, **given(message, "quantile"), **_common(message))


def _read_product(message: pb.ProductQuantization) -> ProductQuantization:
    compression = known(message.compression, "compression", COMPRESSIONS)
    return ProductQuantization(compression=compression, **_common(message))


def _read_binary(message: pb.BinaryQuantization) -> BinaryQuantization:
    query_encoding = None
    if message.HasField("query_encoding"):
        setting = message.query_encoding.setting
        query_encoding = known(setting, "query_encoding", BINARY_QUERY_ENCODINGS)
    return BinaryQuantization(
        encoding=read_enum(message, "encoding", BINARY_ENCODINGS),
        query_encoding=query_encoding,
        **_common(message),
    )


def _read_turbo(message: pb.TurboQuantization) -> TurboQuantization:
    return TurboQuantization(bits=read_enum(message, "bits", TURBO_BITS), **_common(message))


def write_quantization(config: QuantizationConfig, message: pb.QuantizationConfig) -> None:
    """Write quantization settings into `message`."""
    if config.scalar is not None:
        message.scalar.type = number_of(config.scalar.type, SCALAR_TYPES)
        write_given(config.scalar, message.scalar, "quantile", "always_ram", memory=MEMORIES)
    elif config.product is not None:
        message.product.compression = number_of(config.product.compression, COMPRESSIONS)
        write_given(config.product, message.product, "always_ram", memory=MEMORIES)
    elif config.binary is not None:
        _write_binary(config.binary, message.binary)
    elif config.turbo is not None:
        turbo = message.turboquant
        turbo.SetInParent()
        write_given(config.turbo, turbo, "always_ram", bits=TURBO_BITS, memory=MEMORIES)


def _write_binary(binary: BinaryQuantization, message: pb.BinaryQuantization) -> None:
    message.SetInParent()
    write_given(binary, message, "always_ram", encoding=BINARY_ENCODINGS, memory=MEMORIES)
    if binary.query_encoding is not None:
        setting = number_of(binary.query_encoding, BINARY_QUERY_ENCODINGS)
        message.query_encoding.setting = setting
