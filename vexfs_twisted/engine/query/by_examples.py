"""Rows ranked by their similarity to several examples: recommend, discover, context, feedback."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...model.collection_params import Distance
from ...model.query_forms import (
    Context,
    ContextPair,
    Discover,
    QueryForm,
    Recommend,
    RecommendStrategy,
    RelevanceFeedback,
)
from ...model.vector_kinds import Vector
from ..read_bounds import expect, in_slices
from ..vector_index.candidates import CandidateSet
from ..vector_index.hits import Hits, best_of, merged_hits, no_hits
from ..vector_index.kernels import Scores
from ..vector_index.space import AnySpace
from .nearest import similarities
from .scoring.discover import context_scores, discover_scores
from .scoring.feedback import feedback_scores
from .scoring.recommend import best_score, sum_scores

_BLOCK = 1 << 18
"""The most scores, of rows times examples, that are held at a time."""

_SCORE_S = 2e-8


def ranked_by_examples(
    space: AnySpace,
    candidates: CandidateSet,
    form: QueryForm,
    vectors: Sequence[Vector],
    limit: int,
) -> Hits:
    """The best `limit` candidates by the score of a form with several examples, largest first.

    `vectors` are the examples, in the order of `examples_of`, of the kind of the space.
    All candidates are compared, exactly.
    """
    rows = candidates.rows()
    expect(len(rows) * max(len(vectors), 1) * _SCORE_S)
    found = no_hits()
    for some in in_slices(rows, max(_BLOCK // max(len(vectors), 1), 1)):
        scores = form_scores(form, similarities(space, vectors, some))
        best = best_of(Distance.DOT, some, scores, min(limit, len(some)))
        found = merged_hits(Distance.DOT, found, best, limit)
    return found


def form_scores(form: QueryForm, similar: Scores) -> Scores:
    """The scores of rows, shape [n], by their similarities to the examples of a form, [e, n].

    The examples are in the order of `examples_of`.
    """
    if isinstance(form, Recommend):
        count = len(form.positive)
        combine = best_score if form.strategy is RecommendStrategy.BEST_SCORE else sum_scores
        return combine(similar[:count], similar[count:])
    if isinstance(form, Discover):
        return discover_scores(similar[0], *_pairs(form.context, similar[1:]))
    if isinstance(form, Context):
        return context_scores(*_pairs(form.pairs, similar))
    assert isinstance(form, RelevanceFeedback)
    relevance = np.array([item.score for item in form.feedback], dtype=np.float32)
    return feedback_scores(form.strategy, similar[0], similar[1:], relevance)


def _pairs(pairs: Sequence[ContextPair], similar: Scores) -> tuple[Scores, Scores]:
    """The similarities to the positive and to the negative examples, shape [pairs, n] each."""
    assert len(similar) == 2 * len(pairs)
    return similar[0::2], similar[1::2]
