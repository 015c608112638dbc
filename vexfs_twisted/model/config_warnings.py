"""Warnings about the configuration of a collection."""

from __future__ import annotations

from .collection import CollectionConfig


def warnings_about(config: CollectionConfig) -> list[str]:
    """One text for each dense vector whose inline graph storage cannot take effect."""
    warnings = []
    for name, vector in config.params.vectors.items():
        inline = vector.hnsw_config.inline_storage if vector.hnsw_config is not None else None
        if not (config.hnsw_config.inline_storage if inline is None else inline):
            continue
        if vector.multivector_config is not None:
            reason = "it holds multivectors"
        elif vector.quantization_config is None and config.quantization_config is None:
            reason = "it has no quantization"
        else:
            continue
        warnings.append(f"hnsw_config.inline_storage has no effect on vector '{name}': {reason}")
    return warnings
