"""The matrix of scores between points of a random sample."""

from __future__ import annotations

import numpy as np

from ...model.distance_matrix import DistanceMatrix, MatrixRequest
from ...model.filters import Filter, HasVector
from ...model.ids import PointId, sort_key
from ...model.queries import Selection
from ...model.query_forms import Sample, VectorExample
from ...model.search_params import SearchParams
from ..mvcc.state import Snapshot
from ..read_bounds import UNBOUNDED, expect
from .leaves import SnapshotSource
from .plan import Leaf, sound
from .records import fetch_records

_PAIR_S = 1e-8
_EXACT = SearchParams(exact=True)


def distance_matrix(snapshot: Snapshot, request: MatrixRequest) -> DistanceMatrix:
    """The nearest points within a sample of each of its points. Raises BadInput.

    All points of the sample are searched for as one batch, each among the others.
    """
    source = SnapshotSource(snapshot)
    source.params_of(request.using)
    filter_ = Filter(must=(HasVector(request.using), request.filter or Filter()))
    sample = Leaf(0, Sample(), "", filter_, SearchParams(), None, request.sample)
    ranked = sound(source.read([sample], UNBOUNDED).pop())
    records = fetch_records(snapshot, ranked.keys, Selection())
    ids: list[PointId] = [record.id for record in records]
    order = sorted(range(len(ids)), key=lambda place: sort_key(ids[place]))
    keys = ranked.keys[order]
    expect(len(keys) ** 2 * _PAIR_S)
    limit = min(request.limit, len(keys)) + 1
    leaves = [
        Leaf(0, VectorExample(vector), request.using, None, _EXACT, None, limit, (), keys)
        for vector in source.vectors(request.using, keys)
    ]
    places = np.argsort(keys)
    columns, scores, counts = [], [], []
    for key, own in zip(keys.tolist(), map(sound, source.read(leaves, UNBOUNDED)), strict=True):
        others = own.where(own.keys != key).where(slice(request.limit))
        columns.append(places[np.searchsorted(keys, others.keys, sorter=places)])
        scores.append(others.scores)
        counts.append(len(others.keys))
    return DistanceMatrix(
        ids=[ids[place] for place in order],
        rows=np.repeat(np.arange(len(keys)), counts),
        columns=np.concatenate([np.zeros(0, dtype=np.int64), *columns]),
        scores=np.concatenate([np.zeros(0, dtype=np.float32), *scores]),
    )
