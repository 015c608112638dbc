"""Scoring of candidates above the leaf reads: diversity, and formulas of payloads."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.collection_params import VectorParams
from ...model.errors import NotSupported
from ...model.formula import Formula
from ...model.query_forms import Mmr
from ..read_bounds import checkpoint
from .plan import Keys, LeafSource, Ranked, Scores
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
    """The points with the values of a formula, largest first. Raises BadRequest."""
    raise NotSupported("formula")
