"""How a search trades speed for accuracy, and the corpus of its term weights."""

from __future__ import annotations

from attrs import frozen

from .filters import Filter
from .validation import bounded, sound


@frozen
class Quantization:
    """How a search uses quantized vectors."""

    ignore: bool = False
    rescore: bool | None = None
    oversampling: float | None = bounded(1.0)


@frozen
class Acorn:
    """How a filtered graph search expands its neighbourhoods."""

    enable: bool = False
    max_selectivity: float | None = bounded(0.0, 1.0)


@frozen
class Idf:
    """The points whose sparse vectors determine the inverse document frequencies.

    `corpus` None: all points. Only for vectors with the idf modifier.
    """

    corpus: Filter | None = sound()


@frozen(cache_hash=True)
class SearchParams:
    """How a search trades speed for accuracy."""

    hnsw_ef: int | None = bounded(1)
    exact: bool = False
    quantization: Quantization | None = None
    indexed_only: bool = False
    acorn: Acorn | None = None
    idf: Idf | None = sound()
