"""Verifies search results of a device against results computed from the inserted vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..model.device import DeviceMetric, Finding, Ids, Neighbours

_RELATIVE = 1e-4
_ABSOLUTE = 1e-3

Truth = NDArray[np.float64]


@frozen(eq=False)
class Stored:
    """The content of a vector file: distinct ids, shape [n], vectors, shape [n, dim], float32."""

    ids: Ids
    vectors: NDArray[np.float32]

    def rows_of(self, ids: Ids) -> NDArray[np.int64]:
        """The row of each of these ids, -1 for an unknown one; shape as `ids`, int64."""
        order = np.argsort(self.ids)
        places = np.minimum(np.searchsorted(self.ids, ids, sorter=order), len(order) - 1)
        rows = order[places]
        return np.where(self.ids[rows] == ids, rows, -1)


@frozen(eq=False)
class DeviceAnswer:
    """The result of a search for the `k` nearest neighbours of query number `query`."""

    metric: DeviceMetric
    query: int
    k: int
    found: Neighbours

    def __str__(self) -> str:
        return f"by {self.metric.name} for {self.k}"


@frozen(eq=False)
class _Scored:
    """A result whose ids are all in the file, with their rows."""

    answer: DeviceAnswer
    rows: NDArray[np.int64]

    def fits(self, truth: Truth) -> bool:
        """Whether the scores equal those of `truth`, shape [q, n], up to rounding."""
        return _are_close(self.answer.found.scores, truth[self.answer.query, self.rows])

    def is_nearest_first(self, truth: Truth) -> bool:
        """Whether the rows are the nearest of all by `truth`, in order.

        Vectors whose scores are equal up to rounding may be in any order.
        """
        scores = truth[self.answer.query]
        best = np.sort(scores)
        if self.answer.metric.larger_is_nearer:
            best = best[::-1]
        named = scores[self.rows]
        return len(named) <= len(best) and _are_close(named, best[: len(named)])


def true_scores(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], metric: DeviceMetric
) -> Truth:
    """The score of each vector [n, dim] for each query [q, dim], shape [q, n], in float64."""
    rows, wanted = vectors.astype(np.float64), queries.astype(np.float64)
    if metric is DeviceMetric.EUCLIDEAN:
        return _lengths(wanted[:, np.newaxis] - rows)
    products: Truth = wanted @ rows.T
    if metric is DeviceMetric.DOT_PRODUCT:
        return products
    lengths = _lengths(wanted)[:, np.newaxis] * _lengths(rows)
    cosines: Truth = products / np.where(lengths > 0, lengths, 1.0)
    return cosines


def judge(
    stored: Stored, queries: NDArray[np.float32], answers: Sequence[DeviceAnswer]
) -> Iterator[Finding]:
    """The findings about results of a file that contains exactly `stored`."""
    yield from _judge_ids(stored, answers)
    yield from _judge_counts(stored, answers)
    constant = set(_constant_metrics(answers))
    if constant:
        names = ", ".join(metric.name for metric in constant)
        yield Finding("constant_scores", f"scores are the same whatever the query, by {names}")
    truths = {metric: true_scores(stored.vectors, queries, metric) for metric in DeviceMetric}
    scored = [_Scored(answer, stored.rows_of(answer.found.ids)) for answer in answers]
    for metric in DeviceMetric:
        known = [
            one
            for one in scored
            if one.answer.metric is metric and len(one.rows) and one.rows.min() >= 0
        ]
        yield from _judge_metric(metric, truths, known, judge_scores=metric not in constant)


def judge_growth(
    before: Sequence[DeviceAnswer], after: Sequence[DeviceAnswer]
) -> Iterator[Finding]:
    """The findings about results before and after an insert that must change all of them."""
    pairs = zip(before, after, strict=True)
    if all(_are_same(earlier.found, later.found) for earlier, later in pairs):
        yield Finding("stores_nothing", "no answer changed when more vectors were inserted")


def _judge_ids(stored: Stored, answers: Sequence[DeviceAnswer]) -> Iterator[Finding]:
    rows = [stored.rows_of(answer.found.ids) for answer in answers]
    if all((part < 0).all() for part in rows):
        yield Finding("stores_nothing", "no answer names any of the ids that were inserted")
    unknown = [answer for answer, part in zip(answers, rows, strict=True) if (part < 0).any()]
    if unknown:
        ids = unknown[0].found.ids
        example = ids[stored.rows_of(ids) < 0][0]
        text = "{} name ids that were never inserted, such as {}"
        yield Finding("unknown_ids", text.format(_share(unknown, answers), example))
    repeated = [one for one in answers if len(np.unique(one.found.ids)) < len(one.found.ids)]
    if repeated:
        yield Finding("repeated_ids", f"{_share(repeated, answers)} name an id twice")


def _judge_counts(stored: Stored, answers: Sequence[DeviceAnswer]) -> Iterator[Finding]:
    wrong = [one for one in answers if len(one.found.ids) != min(one.k, len(stored.ids))]
    if wrong:
        text = "{} have a wrong number of neighbours, such as {} where {} of {} were asked for"
        found, wanted = len(wrong[0].found.ids), wrong[0].k
        share = _share(wrong, answers)
        yield Finding("wrong_count", text.format(share, found, wanted, len(stored.ids)))


def _constant_metrics(answers: Sequence[DeviceAnswer]) -> Iterator[DeviceMetric]:
    """The metrics by which the scores are the same for all queries."""
    for metric, group in groupby(answers, lambda answer: answer.metric):
        scores: dict[int, set[bytes]] = {}
        for answer in group:
            scores.setdefault(answer.k, set()).add(answer.found.scores.tobytes())
        if all(len(different) == 1 for different in scores.values()) and any(
            different != {b""} for different in scores.values()
        ):
            yield metric


def _judge_metric(
    metric: DeviceMetric,
    truths: dict[DeviceMetric, Truth],
    known: Sequence[_Scored],
    judge_scores: bool,
) -> Iterator[Finding]:
    """The findings about results by one metric, none of them with an unknown id."""
    truth = truths[metric]
    is_wrong = [one for one in known if not one.fits(truth)]
    if is_wrong and judge_scores:
        other = next((name for name, rule in _others(metric, truths) if _all_fit(known, rule)), "")
        if other:
            yield Finding("wrong_metric", f"searches by {metric.name} are answered by {other}")
            return
        text = f"{_share(is_wrong, known)} have scores that are not those of their vectors, such as"
        answer = is_wrong[0].answer
        wanted = truth[answer.query, is_wrong[0].rows[0]]
        text += f" {answer.found.scores[0]:.6g} where {wanted:.6g} is right, {answer}"
        yield Finding("wrong_scores", text)
    unordered = [one for one in known if not one.is_nearest_first(truth)]
    if unordered:
        text = f"{_share(unordered, known)} do not name the nearest, nearest first, such as"
        yield Finding("wrong_order", f"{text} {unordered[0].answer}")


def _others(metric: DeviceMetric, truths: dict[DeviceMetric, Truth]) -> Iterator[tuple[str, Truth]]:
    """Scores that the device may have computed instead, with their names."""
    yield "squares of distances", np.square(truths[DeviceMetric.EUCLIDEAN])
    for other, truth in truths.items():
        if other is not metric:
            yield other.name, truth


def _all_fit(known: Sequence[_Scored], truth: Truth) -> bool:
    return all(one.fits(truth) for one in known)


def _share(some: Sequence[object], of: Sequence[object]) -> str:
    return f"{len(some)} of {len(of)} answers"


def _lengths(vectors: Truth) -> Truth:
    lengths: Truth = np.sqrt(np.square(vectors).sum(axis=-1))
    return lengths


def _are_close(scores: NDArray[np.floating], truth: Truth) -> bool:
    """Whether scores equal the computed ones up to float32 rounding errors."""
    return bool(np.allclose(scores, truth, rtol=_RELATIVE, atol=_ABSOLUTE))


def _are_same(one: Neighbours, other: Neighbours) -> bool:
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.scores, other.scores)
