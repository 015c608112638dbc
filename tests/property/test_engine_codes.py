"""How far codes are off at most."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.vector_index.quantization import (
    Codes,
    CodesOptions,
    Encoder,
    code_kind_of,
)
from vexfs_twisted.model.collection_params import (
    Distance,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    TurboQuantization,
    VectorParams,
)

Shape = tuple[int, int]

shapes = st.tuples(st.integers(1, 40), st.integers(8, 70))
seeds = st.integers(0, 1 << 30)


class ErrorTests(SynchronousTestCase):
    """Codes read back against the vectors they were made of."""

    def check(self, config: QuantizationConfig, steps: int, shape: Shape, seed: int) -> None:
        """Within the range that was learned, a component is off by one step at most."""
        source = np.random.default_rng(seed)
        scale = source.uniform(0.01, 50)
        data = (scale * source.uniform(-3, 5, shape)).astype(np.float32)
        params = VectorParams(Distance.EUCLID, shape[1])
        kind = code_kind_of(params, config)
        assert kind is not None
        with TemporaryDirectory() as folder:
            path = Path(folder, "codes")
            is_coded = np.ones(len(data), dtype=bool)
            encoder = Encoder(kind, params, data.__getitem__, 1, lambda: False)
            facts = encoder.write(path, 0, is_coded)
            codes = Codes.open(path, facts, params, kind, CodesOptions())
            read = codes.storage.reconstruct_n(0, len(data))
        learned = kind.learn(data, lambda: False)
        assert learned is not None
        low, extent = learned.reshape(2, -1)
        bounded = np.clip(data, low, low + extent)
        slack = 1e-4 * (np.abs(low) + extent)
        self.assertTrue((np.abs(read - bounded) <= extent / steps + slack).all())

    @settings(max_examples=25)
    @given(shapes, seeds, st.floats(0.5, 1.0))
    def test_a_byte_is_off_by_a_step(self, shape: Shape, seed: int, quantile: float) -> None:
        scalar = ScalarQuantization(ScalarType.INT8, quantile=quantile)
        self.check(QuantizationConfig(scalar=scalar), 255, shape, seed)

    @settings(max_examples=25)
    @given(shapes, seeds)
    def test_four_bits_are_off_by_a_step(self, shape: Shape, seed: int) -> None:
        self.check(QuantizationConfig(turbo=TurboQuantization()), 15, shape, seed)
