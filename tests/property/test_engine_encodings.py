"""What is left of vectors in each form they are stored in."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import Floats
from vexfs_twisted.engine.vectors.encodings import encoding_of
from vexfs_twisted.model.collection_params import Datatype

HUGE = 2.0**127

shapes = st.tuples(st.integers(1, 5), st.integers(1, 40))


def matrices(largest: float) -> st.SearchStrategy[Floats]:
    elements = st.floats(-largest, largest, width=32)
    return shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=elements))


def kept(datatype: Datatype, data: Floats) -> Floats:
    encoding = encoding_of(datatype)
    stored = encoding.stored(data)
    assert stored.dtype == encoding.item
    assert stored.shape == (len(data), encoding.width(data.shape[1]))
    return encoding.floats(stored, data.shape[1])


class FormTests(SynchronousTestCase):
    """The way into the file and back."""

    @given(matrices(HUGE))
    def test_float32_is_exact(self, data: Floats) -> None:
        self.assertEqual(kept(Datatype.FLOAT32, data).tobytes(), data.tobytes())

    @given(matrices(65504))
    def test_float16_rounds_as_numpy_does(self, data: Floats) -> None:
        rounded = data.astype(np.float16).astype(np.float32)
        self.assertEqual(kept(Datatype.FLOAT16, data).tobytes(), rounded.tobytes())

    def test_every_finite_half_is_read_exactly(self) -> None:
        halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        rows = halves[np.isfinite(halves)].reshape(-1, 32)
        read = encoding_of(Datatype.FLOAT16).floats(rows, 32)
        self.assertEqual(read.tobytes(), rows.astype(np.float32).tobytes())

    @given(matrices(HUGE))
    def test_float16_is_never_infinite(self, data: Floats) -> None:
        self.assertTrue((np.abs(kept(Datatype.FLOAT16, data)) <= 65504).all())

    @given(matrices(1000))
    def test_uint8_keeps_whole_parts_within_bounds(self, data: Floats) -> None:
        expected = [[min(max(int(value), 0), 255) for value in row] for row in data.tolist()]
        self.assertEqual(kept(Datatype.UINT8, data).tolist(), expected)

    @given(matrices(1e6))
    def test_turbo4_keeps_lengths_and_is_off_by_little(self, data: Floats) -> None:
        wide = data.astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1)
        read = kept(Datatype.TURBO4, data).astype(np.float64)
        np.testing.assert_allclose(np.linalg.norm(read, axis=1), lengths, rtol=1e-3, atol=1e-30)
        # Half a step, and as much again as the whole row is stretched by.
        steps = (wide.max(axis=1) - wide.min(axis=1)) / 15
        off = np.abs(read - wide).max(axis=1)
        stretch = steps * np.sqrt(data.shape[1]) / 2
        self.assertTrue((off <= (steps / 2 + stretch) * 1.001 + 1e-5 * lengths + 1e-30).all())

    @settings(max_examples=40)
    @given(st.integers(2, 600), st.integers(0, 1 << 30))
    def test_turbo4_keeps_directions(self, dimension: int, seed: int) -> None:
        data = np.random.default_rng(seed).standard_normal((4, dimension), dtype=np.float32)
        read = kept(Datatype.TURBO4, data)
        products = np.einsum("ij,ij->i", data, read)
        cosines = products / np.linalg.norm(data, axis=1) / np.linalg.norm(read, axis=1)
        self.assertGreater(cosines.min(), 0.97)

    @given(st.sampled_from(Datatype), matrices(1000))
    def test_what_was_read_is_stored_as_it_was(self, datatype: Datatype, data: Floats) -> None:
        once = kept(datatype, data)
        twice = kept(datatype, once)
        scale = np.abs(once).max(initial=1e-30)
        np.testing.assert_allclose(twice / scale, once / scale, atol=1e-5)

    @given(st.sampled_from(Datatype), matrices(1000))
    def test_rows_do_not_depend_on_each_other(self, datatype: Datatype, data: Floats) -> None:
        alone = [kept(datatype, data[place : place + 1]) for place in range(len(data))]
        self.assertEqual(np.vstack(alone).tobytes(), kept(datatype, data).tobytes())
