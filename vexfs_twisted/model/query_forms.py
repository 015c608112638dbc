"""The forms of a query: how it scores and orders points.

A query is a tree: see `queries.Query` and `queries.Prefetch`. Forms that score by similarity refer
to examples; a bare example is a form itself, the search for its nearest points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum

from attrs import evolve, field, frozen

from .errors import BadInput, BadRequest, Problem, ValidationError, unexplained
from .formula import Formula
from .ids import PointId
from .payload_path import PayloadPath
from .validation import bounded, sound, validate
from .vector_kinds import Vector, vector_content

DEFAULT_RRF_K = 2
MOST_MMR_CANDIDATES = 16384

OrderValue = int | float
"""The value by which a record was ordered; a datetime is microseconds since 1970 UTC."""


@frozen
class VectorExample:
    """A vector given by the client. As a form: the points nearest to it."""

    vector: Vector = field(eq=vector_content)


@frozen
class PointExample:
    """The vector of the stored point `id`. As a form: the points nearest to it.

    The point itself is excluded, unless its vector is looked up in another collection.
    """

    id: PointId


Example = VectorExample | PointExample


@frozen
class Mmr:
    """The points nearest to an example, selected for diversity: maximal marginal relevance.

    Of `candidates_limit` nearest points, by default as many as the limit of the query (see
    check_candidates), points are picked one by one, each with the largest (1 - diversity) *
    similarity to the example - diversity * largest similarity to a point picked before. Scores are
    those of the search.
    """

    nearest: Example
    diversity: float = bounded(0.0, 1.0, default=0.5)
    candidates_limit: int | None = bounded(0, MOST_MMR_CANDIDATES)


class RecommendStrategy(Enum):
    """How the examples of a recommendation are combined."""

    AVERAGE_VECTOR = "average_vector"
    BEST_SCORE = "best_score"
    SUM_SCORES = "sum_scores"


@frozen
class Recommend:
    """The points like `positive` examples and unlike `negative` ones. At least one is given."""

    positive: tuple[Example, ...] = sound(default=())
    negative: tuple[Example, ...] = sound(default=())
    strategy: RecommendStrategy = RecommendStrategy.AVERAGE_VECTOR


@frozen
class ContextPair:
    """A pair of examples: points nearer to `positive` than to `negative` are preferred."""

    positive: Example
    negative: Example


@frozen
class Discover:
    """The points nearest to `target` among those that agree with the most pairs of the context."""

    target: Example
    context: tuple[ContextPair, ...] = sound(default=())


@frozen
class Context:
    """The points that agree with all pairs, those that do not by how little they miss."""

    pairs: tuple[ContextPair, ...] = sound(default=())


class Direction(Enum):
    """The direction of an order."""

    ASC = "asc"
    DESC = "desc"


@frozen
class OrderBy:
    """The order of a payload field, from `start_from` on, inclusive.

    `start_from` is a number, or microseconds since 1970 UTC for a datetime; a field of datetimes
    takes either.
    """

    key: PayloadPath
    direction: Direction = Direction.ASC
    start_from: OrderValue | None = None


@frozen
class Rrf:
    """Reciprocal rank fusion of the prefetches.

    The score of a point is the sum of 1 / ((position + 1) / weight + k - 1) over the prefetches
    that have it, with positions from 0; a weight of 0 or less contributes nothing.
    """

    k: int = bounded(1, default=DEFAULT_RRF_K)
    weights: tuple[float, ...] | None = sound()


@frozen
class Dbsf:
    """Distribution-based score fusion: the sum of the scores of each prefetch, normalised."""


@frozen
class Sample:
    """Points at random, without a score."""


@frozen
class FeedbackItem:
    """An example and how relevant it was to the user."""

    example: Example
    score: float


@frozen
class NaiveStrategy:
    """The coefficients of relevance feedback.

    The score is a * similarity(target) + the sum over pairs of feedback items of
    confidence**b * c * (similarity(better) - similarity(worse)), where the confidence is the
    difference of their scores.
    """

    a: float
    b: float = bounded(0.0, default=0.0)
    c: float = 0.0


@frozen
class RelevanceFeedback:
    """The points nearest to `target`, corrected by how relevant other points were."""

    target: Example
    feedback: tuple[FeedbackItem, ...]
    strategy: NaiveStrategy


Fusion = Rrf | Dbsf

VectorForm = Example | Mmr | Recommend | Discover | Context | RelevanceFeedback
"""The forms that score points by similarity to examples."""

QueryForm = VectorForm | OrderBy | Fusion | Formula | Sample


def examples_of(form: QueryForm | None) -> Iterator[Example]:
    """The examples that a form refers to, in the order of the request."""
    match form:
        case VectorExample() | PointExample():
            yield form
        case Mmr():
            yield form.nearest
        case Recommend():
            yield from form.positive
            yield from form.negative
        case Discover():
            yield form.target
            for pair in form.context:
                yield pair.positive
                yield pair.negative
        case Context():
            for pair in form.pairs:
                yield pair.positive
                yield pair.negative
        case RelevanceFeedback():
            yield form.target
            for item in form.feedback:
                yield item.example
        case _:
            return


def with_examples(form: QueryForm, change: Callable[[Example], Example]) -> QueryForm:
    """The form with each of its examples replaced by `change(example)`."""
    match form:
        case VectorExample() | PointExample():
            return change(form)
        case Mmr():
            return evolve(form, nearest=change(form.nearest))
        case Recommend():
            positive, negative = map(change, form.positive), map(change, form.negative)
            return evolve(form, positive=tuple(positive), negative=tuple(negative))
        case Discover():
            return Discover(change(form.target), _with_pairs(form.context, change))
        case Context():
            return Context(_with_pairs(form.pairs, change))
        case RelevanceFeedback():
            items = (FeedbackItem(change(item.example), item.score) for item in form.feedback)
            return evolve(form, target=change(form.target), feedback=tuple(items))
        case _:
            return form


def _with_pairs(
    pairs: tuple[ContextPair, ...], change: Callable[[Example], Example]
) -> tuple[ContextPair, ...]:
    return tuple(ContextPair(change(pair.positive), change(pair.negative)) for pair in pairs)


def check_examples_given(form: Recommend | RelevanceFeedback, path: str) -> None:
    """Raise ValidationError if a form, at `path` of the request, lacks examples it needs."""
    if isinstance(form, RelevanceFeedback):
        if not form.feedback:
            text = "feedback elements must be non-empty"
            raise ValidationError([Problem(f"{path}.feedback", text)])
    elif not form.positive and not form.negative:
        text = unexplained("At least one positive or negative vector/id must be provided")
        raise ValidationError([Problem(f"{path}.positives, negatives", text)])


def check_candidates(form: QueryForm, limit: int, path: str) -> None:
    """Raise ValidationError if a form, at `path`, has too many candidates by default.

    `limit` is that of the query or prefetch with the form.
    """
    if isinstance(form, Mmr) and form.candidates_limit is None:
        validate(evolve(form, candidates_limit=limit), f"{path}.mmr")


def check_older_recommend(form: Recommend) -> None:
    """Raise BadRequest if an older request for recommendations lacks examples."""
    if form.positive:
        return
    if form.strategy is RecommendStrategy.AVERAGE_VECTOR:
        raise BadRequest("At least one positive vector ID required with this strategy")
    if not form.negative:
        raise BadRequest("At least one positive or negative vector ID required with this strategy")


def older_discover(target: Example | None, pairs: tuple[ContextPair, ...]) -> Discover | Context:
    """The form of an older request to discover points. Raises BadRequest if it has no examples."""
    if target is not None:
        return Discover(target, pairs)
    if not pairs:
        raise BadRequest("target and/or context must be specified")
    return Context(pairs)


def no_positive_examples() -> BadInput:
    """The error for an average of negative examples only."""
    return BadInput("Positive vectors should not be empty with `average` strategy")
