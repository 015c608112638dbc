"""Scoring of candidates above the leaf reads: diversity, and formulas of payloads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...model.collection_params import VectorParams
from ...model.formula import Formula
from ...model.query_forms import Mmr
from ..read_bounds import checkpoint
from .plan import Keys, LeafSource, Ranked, Scores
from .scoring.formula import FormulaPoints, formula_scores
from .scoring.mmr import select_diverse
from .scoring.pairwise import pairwise
from .scoring.similarity import similarity


def diversified(source: LeafSource, using: str, form: Mmr, ranked: Ranked, limit: int) -> Ranked:
    """At most `limit` of the ranked points, selected for diversity, with their own scores."""
    if not len(ranked.keys):
        return ranked
    params = source.params_of(using)
    similar = pairwise(params, source.vectors(using, ranked.keys))

    def similar_to(place: int) -> Scores:
        checkpoint()
        return similar(place)

    relevance = ranked.scores
    if isinstance(params, VectorParams):
        relevance = similarity(params.distance, relevance)
    return ranked.where(select_diverse(relevance, similar_to, form.diversity, limit))


def scored_by_formula(
    source: LeafSource, form: Formula, keys: Keys, lists: Sequence[Ranked]
) -> tuple[Keys, Scores]:
    """The points `keys` with the values of a formula, largest first, equal ones in their order.

    `lists` are the points of the prefetches with their scores. Raises BadInput.
    """
    scores = np.zeros((len(lists), len(keys)), dtype=np.float32)
    is_scored = np.zeros(scores.shape, dtype=np.bool_)
    order = np.argsort(keys)
    for place, ranked in enumerate(lists):
        # A point may occur several times in the order of a field; its first score counts.
        own = order[np.searchsorted(keys, ranked.keys[::-1], sorter=order)]
        scores[place, own] = ranked.scores[::-1]
        is_scored[place, own] = True
    points = FormulaPoints(
        scores,
        is_scored,
        lambda path, kind: source.only_values(path, kind, keys),
        lambda at: source.payloads(keys[at]),
        lambda own: source.passing(own, keys),
    )
    with np.errstate(all="ignore"):
        values = formula_scores(form, points)
    best = np.argsort(-values, kind="stable")
    return keys[best], values[best]
