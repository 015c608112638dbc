"""Options of codes other than their kind: these may change without encoding again."""

from __future__ import annotations

from attrs import frozen

from ....model.collection_params import BinaryQueryEncoding, Memory, QuantizationConfig

_QUERY_BITS = {
    BinaryQueryEncoding.BINARY: 1,
    BinaryQueryEncoding.SCALAR_4_BITS: 4,
    BinaryQueryEncoding.SCALAR_8_BITS: 8,
}


@frozen
class CodesOptions:
    """Memory placement of codes, and the bits per component that queries are quantized to."""

    memory: Memory | None = None
    query_bits: int | None = None


def codes_options(config: QuantizationConfig) -> CodesOptions:
    """The options set in a configuration."""
    chosen = config.scalar or config.product or config.binary or config.turbo
    if chosen is None:
        return CodesOptions()
    memory = chosen.memory
    if memory is None and chosen.always_ram:
        memory = Memory.PINNED
    encoding = None if config.binary is None else config.binary.query_encoding
    return CodesOptions(memory, None if encoding is None else _QUERY_BITS.get(encoding))
