"""Vectors of every kind as the REST wire writes them."""

from __future__ import annotations

import numpy as np
import orjson
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector
from vexfs_twisted.model.vectors import NamedVectors
from vexfs_twisted.rest.codecs.vectors import vectors_to_json

DENSE = np.array([0.5, 2], dtype=np.float32)
MULTI = MultiVector(np.array([[1, 2], [3, 4]], dtype=np.float32))
SPARSE = SparseVector(np.array([3, 9], dtype=np.uint32), DENSE)
SPARSE_JSON = {"indices": [3, 9], "values": [0.5, 2]}


def written(vectors: NamedVectors) -> object:
    text = orjson.dumps(vectors_to_json(vectors), option=orjson.OPT_SERIALIZE_NUMPY)
    return orjson.loads(text)


class OutputTests(SynchronousTestCase):
    def test_a_lone_unnamed_vector_stands_by_itself(self) -> None:
        self.assertEqual(written({"": DENSE}), [0.5, 2])
        self.assertEqual(written({"": MULTI}), [[1, 2], [3, 4]])

    def test_named_vectors_are_members(self) -> None:
        self.assertEqual(written({}), {})
        self.assertEqual(written({"s": SPARSE}), {"s": SPARSE_JSON})
        self.assertEqual(
            written({"": DENSE, "m": MULTI, "s": SPARSE}),
            {"": [0.5, 2], "m": [[1, 2], [3, 4]], "s": SPARSE_JSON},
        )
