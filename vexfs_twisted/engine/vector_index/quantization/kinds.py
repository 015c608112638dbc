"""The kinds of codes: maps quantization configurations to faiss indexes.

A kind makes a faiss index that encodes vectors, learns its parameters from a sample (a few numbers,
or tables of centroids), and sets them. The parameters are stored with the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ....model.collection_params import (
    BinaryEncoding,
    CompressionRatio,
    Distance,
    QuantizationConfig,
    TurboBits,
    VectorParams,
)
from ...native_library import faiss, metric_of
from ...vectors.encodings import encoding_of
from ..kernels import Matrix
from .centroids import CENTROIDS, find_centroids

Learned = NDArray[np.float32]
"""The parameters that a kind has learned from the vectors, a flat array."""

ShouldStop = Callable[[], bool]

_QUANTILE = 0.99
_LEARNED_ELEMENTS = 1 << 20
_LEAST_LEARNED_ROWS = 64
_LONGEST = 2.0**60


@frozen
class CodeKind:
    """One kind of codes. Kinds of equal names are compatible, given the same learned parameters.

    `make` makes a faiss index for a dimension and a metric. `learn` learns from a sample, shape
    [n, dim], and returns None if stopped. `teach` sets learned parameters in an index. Vectors are
    padded with zeros to a multiple of `multiple` components. `oversampling` is the default factor
    of candidates over the wanted number whose vectors are compared. `decodes`: vectors decoded from
    codes have the distances of the codes.
    """

    name: str
    oversampling: float
    make: Callable[[int, int], Any] = field(eq=False)
    learn: Callable[[Matrix, ShouldStop], Learned | None] = field(eq=False)
    teach: Callable[[Any, Learned], None] = field(eq=False)
    multiple: int = 1
    decodes: bool = True

    def width(self, dimension: int) -> int:
        """The dimension of padded vectors."""
        return -(-dimension // self.multiple) * self.multiple

    def widened(self, data: Matrix) -> Matrix:
        """The rows of `data`, shape [n, dim], padded with zeros, C-contiguous."""
        dimension = data.shape[1]
        if self.width(dimension) == dimension:
            return np.ascontiguousarray(data)
        return np.pad(data, ((0, 0), (0, self.width(dimension) - dimension)))

    def bounded(self, data: Matrix) -> Matrix:
        """The same for learning and encoding: clipped so that distances do not overflow.

        A vector whose distance to every centroid is infinite has no code, and faiss aborts the
        process for it.
        """
        bound = np.float32(_LONGEST / np.sqrt(self.width(data.shape[1])))
        if max(data.max(initial=0), -data.min(initial=0)) > bound:
            data = np.clip(data, -bound, bound)
        return self.widened(data)

    def storage(self, params: VectorParams) -> Any:
        """An untrained faiss index for codes of such vectors, by Euclid for Manhattan."""
        is_manhattan = params.distance is Distance.MANHATTAN
        metric = metric_of(Distance.EUCLID if is_manhattan else params.distance)
        return self.make(self.width(params.size), metric)


@lru_cache(maxsize=256)
def code_kind_of(params: VectorParams, config: QuantizationConfig | None) -> CodeKind | None:
    """The kind of codes for vectors; None if they have no codes.

    There are none for single vectors under Manhattan, whose graphs are not searched by codes, nor
    if codes would not be shorter than the vectors.
    """
    kind = None if config is None else _asked_for(config)
    is_searched = params.distance is not Distance.MANHATTAN or params.multivector_config is not None
    if kind is None or not is_searched:
        return None
    encoding = encoding_of(params.datatype)
    row_size = encoding.width(params.size) * encoding.item.itemsize
    return kind if kind.storage(params).sa_code_size() < row_size else None


def _asked_for(config: QuantizationConfig) -> CodeKind | None:
    if config.scalar is not None:
        return _int8(_QUANTILE if config.scalar.quantile is None else config.scalar.quantile)
    if config.product is not None:
        components = _COMPONENTS.get(config.product.compression)
        return _eight_bits() if components is None else _product(components)
    if config.binary is not None:
        return _rabit(_BINARY_BITS[config.binary.encoding or BinaryEncoding.ONE_BIT])
    if config.turbo is not None:
        bits = _TURBO_BITS.get(config.turbo.bits or TurboBits.BITS_4)
        return _four_bits() if bits is None else _rabit(bits)
    return None


def _int8(quantile: float) -> CodeKind:
    """A byte per component: 256 steps over the range that has a share `quantile` of all values."""
    return CodeKind(
        name=f"int8-{quantile:g}",
        oversampling=1.0,
        make=partial(_scalar, faiss.ScalarQuantizer.QT_8bit_uniform),
        learn=partial(_range, quantile),
        teach=_teach_scalar,
    )


def _steps(bits: int, quantizer: int, quantile: float, oversampling: float) -> CodeKind:
    """`bits` bits per component: equal steps over a range that is learned per component."""
    return CodeKind(
        name=f"steps-{bits}",
        oversampling=oversampling,
        make=partial(_scalar, quantizer),
        learn=partial(_ranges, quantile),
        teach=_teach_scalar,
    )


def _eight_bits() -> CodeKind:
    return _steps(8, faiss.ScalarQuantizer.QT_8bit, 1.0, 1.0)


def _four_bits() -> CodeKind:
    return _steps(4, faiss.ScalarQuantizer.QT_4bit, _QUANTILE, 2.0)


def _rabit(bits: int) -> CodeKind:
    """One or two bits per component relative to a centre, and norms to scale them.

    The codes of RaBitQ (Gao and Long, SIGMOD 2024), which estimate distances without bias.
    """
    return CodeKind(
        name=f"rabit-{bits}",
        oversampling=4.0 / bits,
        make=lambda width, metric: faiss.IndexRaBitQ(width, metric, bits),
        learn=_centre,
        teach=_teach_rabit,
        decodes=False,
    )


def _product(components: int) -> CodeKind:
    """A byte per group of `components` components: the nearest of 256 centroids."""
    return CodeKind(
        name=f"product-{components}",
        oversampling=float(components),
        make=lambda width, metric: faiss.IndexPQ(width, width // components, 8, metric),
        learn=partial(_centroids, components),
        teach=_teach_product,
        multiple=components,
    )


def _scalar(quantizer: int, width: int, metric: int) -> Any:
    return faiss.IndexScalarQuantizer(width, quantizer, metric)


def _range(quantile: float, sample: Matrix, _: ShouldStop) -> Learned:
    """The lowest value and the extent of the range of all components together: shape [2]."""
    low, high = np.quantile(_part(sample), [(1 - quantile) / 2, (1 + quantile) / 2])
    return np.array([low, high - low], dtype=np.float32)


def _ranges(quantile: float, sample: Matrix, _: ShouldStop) -> Learned:
    """The lowest values and the extents of the ranges of each component: shape [2 * dim]."""
    low, high = np.quantile(_part(sample), [(1 - quantile) / 2, (1 + quantile) / 2], axis=0)
    return np.concatenate([low, high - low]).astype(np.float32)


def _centre(sample: Matrix, _: ShouldStop) -> Learned:
    centre: Learned = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    return centre


def _centroids(components: int, sample: Matrix, should_stop: ShouldStop) -> Learned | None:
    count = sample.shape[1] // components
    learned = np.empty((count, CENTROIDS, components), dtype=np.float32)
    for number in range(count):
        if should_stop():
            return None
        first = number * components
        learned[number] = find_centroids(sample[:, first : first + components])
    return learned.reshape(-1)


def _teach_scalar(storage: Any, learned: Learned) -> None:
    faiss.copy_array_to_vector(learned, storage.sq.trained)
    storage.is_trained = True


def _teach_rabit(storage: Any, learned: Learned) -> None:
    faiss.copy_array_to_vector(learned, storage.center)
    storage.is_trained = True


def _teach_product(storage: Any, learned: Learned) -> None:
    faiss.copy_array_to_vector(learned, storage.pq.centroids)
    storage.is_trained = True


def _part(sample: Matrix) -> Matrix:
    """The part of a sample that suffices for quantiles, to compute them fast."""
    return sample[: max(_LEARNED_ELEMENTS // sample.shape[1], _LEAST_LEARNED_ROWS)]


# Finding 256 centroids for single components takes very long, and equal steps are as good.
_COMPONENTS: Mapping[CompressionRatio, int] = {
    CompressionRatio.X8: 2,
    CompressionRatio.X16: 4,
    CompressionRatio.X32: 8,
    CompressionRatio.X64: 16,
}
# There are no codes of one and a half bits: two bits are used instead.
_BINARY_BITS: Mapping[BinaryEncoding, int] = {
    BinaryEncoding.ONE_BIT: 1,
    BinaryEncoding.ONE_AND_HALF_BITS: 2,
    BinaryEncoding.TWO_BITS: 2,
}
_TURBO_BITS: Mapping[TurboBits, int] = {
    TurboBits.BITS_1: 1,
    TurboBits.BITS_1_5: 2,
    TurboBits.BITS_2: 2,
}
