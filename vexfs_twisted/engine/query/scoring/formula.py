"""Evaluation of formulas over many points at once.

An expression is evaluated for a set of positions among n points, float64. Products are evaluated
operand by operand, for the points whose product is not 0 yet; so is an error in an operand an error
only if a point needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from ....jsonform.converter import describe
from ....model.datetimes import parse_datetime
from ....model.errors import BadInput
from ....model.filters import Filter
from ....model.formula import (
    Apply,
    Constant,
    DatetimeConstant,
    Decay,
    DecayKind,
    Div,
    Expression,
    FilterTest,
    Formula,
    Function,
    GeoDistance,
    Mult,
    PayloadDatetime,
    PayloadNumber,
    Pow,
    Score,
    Sum,
)
from ....model.payload_path import Key, PayloadPath
from ...predicates.geo import distances, place_of
from ...predicates.paths import reached

T = TypeVar("T")

Numbers = NDArray[np.float64]
Positions = NDArray[np.int64]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

_MICROSECONDS = 1e6
_NO_VALUE = "No value found in a payload nor defaults"


class FormulaPoints:
    """The points that a formula is evaluated for.

    `scores`, shape [prefetches, n], float32, and `is_scored`, of the same shape, are those of the
    prefetches; `payloads`, JSON, and `passing`, the mask of the points that pass a filter, are read
    when the formula first needs them.
    """

    def __init__(
        self,
        scores: Scores,
        is_scored: Mask,
        payloads: Callable[[], Sequence[bytes]],
        passing: Callable[[Filter], Mask],
    ) -> None:
        self.scores = scores
        self.is_scored = is_scored
        self.passing = passing
        self._read_payloads = payloads

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.scores[0]) if len(self.scores) else 0

    @cached_property
    def payloads(self) -> list[Any]:
        """The payloads, parsed."""
        return list(map(orjson.loads, self._read_payloads()))


def formula_scores(formula: Formula, points: FormulaPoints) -> Scores:
    """The value of a formula for each point, shape [n], float32.

    Raises BadInput for values that are missing or of a wrong type, and results that are not finite.
    """
    values = _Evaluation(formula.defaults, points).value(
        formula.expression, np.arange(points.count)
    )
    with np.errstate(over="ignore"):
        scores = values.astype(np.float32)
    for place in np.flatnonzero(~np.isfinite(scores))[:1].tolist():
        raise _not_finite(f"{_shown(values[place])} as a 32-bit float")
    return scores


class _Evaluation:
    """The evaluation of one formula. Values of the same variable are looked up once."""

    def __init__(self, defaults: Mapping[str, Any], points: FormulaPoints) -> None:
        self._defaults = defaults
        self._points = points
        self._values: dict[PayloadPath, list[Any]] = {}

    def value(self, node: Expression, at: Positions) -> Numbers:
        """The values of an expression for the points at positions, shape [len(at)]."""
        evaluate = _EVALUATORS[type(node)]
        return evaluate(self, node, at)

    def constant(self, node: Constant, at: Positions) -> Numbers:
        return np.full(len(at), node.value)

    def score(self, node: Score, at: Positions) -> Numbers:
        if node.position >= len(self._points.scores):
            return np.full(len(at), self._score_default(node.position))
        scores: Numbers = self._points.scores[node.position, at].astype(np.float64)
        is_scored = self._points.is_scored[node.position, at]
        if not is_scored.all():
            scores[~is_scored] = self._score_default(node.position)
        return scores

    def number(self, node: PayloadNumber, at: Positions) -> Numbers:
        return np.array(self._variable(node.path, at, "number", _number), dtype=np.float64)

    def datetime(self, node: PayloadDatetime, at: Positions) -> Numbers:
        return np.array(self._variable(node.path, at, "datetime", _datetime), dtype=np.float64)

    def moment(self, node: DatetimeConstant, at: Positions) -> Numbers:
        return np.full(len(at), node.seconds)

    def condition(self, node: FilterTest, at: Positions) -> Numbers:
        return self._points.passing(node.filter)[at].astype(np.float64)

    def geo_distance(self, node: GeoDistance, at: Positions) -> Numbers:
        places = np.array(
            self._variable(node.to, at, "geo point", _place), dtype=np.float64
        ).reshape(len(at), 2)
        return distances(node.origin, places[:, 0], places[:, 1])

    def product(self, node: Mult, at: Positions) -> Numbers:
        result = np.ones(len(at))
        left = np.arange(len(at))
        for operand in node.operands:
            result[left] *= self.value(operand, at[left])
            left = left[result[left] != 0]
            if not len(left):
                break
        return result

    def sum(self, node: Sum, at: Positions) -> Numbers:
        result = np.zeros(len(at))
        for operand in node.operands:
            result += self.value(operand, at)
        return result

    def function(self, node: Apply, at: Positions) -> Numbers:
        operand = self.value(node.operand, at)
        compute, shown = _FUNCTIONS[node.function]
        return _finite(compute(operand), lambda place: shown.format(_shown(operand[place])))

    def quotient(self, node: Div, at: Positions) -> Numbers:
        left = self.value(node.left, at)
        result = np.zeros(len(at))
        used = np.flatnonzero(left != 0)
        right = self.value(node.right, at[used])
        if node.by_zero_default is not None:
            is_zero = right == 0
            result[used[is_zero]] = node.by_zero_default
            used, right = used[~is_zero], right[~is_zero]
        result[used] = _finite(
            left[used] / right,
            lambda place: f"{_shown(left[used][place])}/{_shown(right[place])}",
        )
        return result

    def power(self, node: Pow, at: Positions) -> Numbers:
        base, exponent = self.value(node.base, at), self.value(node.exponent, at)
        return _finite(
            np.power(base, exponent),
            lambda place: f"{_shown(base[place])}^{_shown(exponent[place])}",
        )

    def decay(self, node: Decay, at: Positions) -> Numbers:
        distance = np.abs(self.value(node.x, at) - self.value(node.target, at))
        if node.kind is DecayKind.LINEAR:
            return np.maximum(0.0, 1.0 - (1.0 - node.midpoint) / node.scale * distance)
        if node.kind is DecayKind.EXPONENTIAL:
            return np.exp(math.log(node.midpoint) / node.scale * distance)
        return np.exp(math.log(node.midpoint) * np.square(distance / node.scale))

    def _score_default(self, position: int) -> float:
        names = [f"$score[{position}]", "$score"] if not position else [f"$score[{position}]"]
        for name in names:
            if name in self._defaults:
                return _typed(name, "number", _number, self._defaults[name])
        return 0.0

    def _variable(
        self, path: PayloadPath, at: Positions, kind: str, convert: Callable[[Any], T]
    ) -> list[T]:
        """The values of a variable, converted; `kind` is the name of their type for errors."""
        values = self._values_of(path)
        return [_typed(path.text, kind, convert, values[place]) for place in at.tolist()]

    def _values_of(self, path: PayloadPath) -> list[Any]:
        """The value of a variable of each point, the default where it has none."""
        found = self._values.get(path)
        if found is None:
            default = self._defaults.get(path.text, _Missing)
            found = [_value_at(payload, path, default) for payload in self._points.payloads]
            self._values[path] = found
        return found


class _Missing:
    """No value."""


def _value_at(payload: Any, path: PayloadPath, default: Any) -> Any:
    """The value at a path; an array of one element is its element, none or null the default."""
    steps = path.steps
    if len(steps) == 1 and isinstance(steps[0], Key):
        value = payload.get(steps[0].name)
        if not isinstance(value, list):
            return default if value is None else value
    values = reached(payload, steps)
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not values or (len(values) == 1 and values[0] is None):
        return default
    return values[0] if len(values) == 1 else list(values)


def _typed(name: str, kind: str, convert: Callable[[Any], T], value: Any) -> T:
    problem = _NO_VALUE
    if value is not _Missing:
        try:
            return convert(value)
        except ValueError as error:
            problem = str(error)
    raise BadInput(
        f"Expected {kind} value for {name} in the payload and/or in the formula defaults. "
        f"Error: {problem}"
    )


def _number(value: Any) -> float:
    if type(value) in (int, float):
        return float(value)
    raise ValueError(f"invalid type: {describe(value)}, expected f64")


def _datetime(value: Any) -> float:
    microseconds = parse_datetime(value) if isinstance(value, str) else None
    if microseconds is None:
        raise ValueError(f"invalid type: {describe(value)}, expected a datetime")
    return microseconds / _MICROSECONDS


def _place(value: Any) -> tuple[float, float]:
    place = place_of(value)
    if place is None:
        raise ValueError(f"invalid type: {describe(value)}, expected a geo point")
    return place


def _finite(values: Numbers, expression: Callable[[int], str]) -> Numbers:
    """The values; raises BadInput for the first that is not finite, with its expression."""
    for place in np.flatnonzero(~np.isfinite(values))[:1].tolist():
        raise _not_finite(f"{expression(place)} = {_shown(values[place])}")
    return values


def _not_finite(expression: str) -> BadInput:
    return BadInput(f"The expression {expression} produced a non-finite number")


def _shown(number: float) -> str:
    """A number as Qdrant shows it."""
    value = float(number)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return repr(value)
    # Without an exponent, whatever the number.
    return format(Decimal(repr(value)), "f").removesuffix(".0")


_FUNCTIONS: Mapping[Function, tuple[Callable[[Numbers], Numbers], str]] = {
    Function.NEG: (np.negative, "-{}"),
    Function.ABS: (np.abs, "|{}|"),
    Function.SQRT: (np.sqrt, "√{}"),
    Function.EXP: (np.exp, "exp({})"),
    Function.LOG10: (np.log10, "log10({})"),
    Function.LN: (np.log, "ln({})"),
}

_EVALUATORS: Mapping[type, Callable[[_Evaluation, Any, Positions], Numbers]] = {
    Constant: _Evaluation.constant,
    Score: _Evaluation.score,
    PayloadNumber: _Evaluation.number,
    FilterTest: _Evaluation.condition,
    DatetimeConstant: _Evaluation.moment,
    PayloadDatetime: _Evaluation.datetime,
    GeoDistance: _Evaluation.geo_distance,
    Mult: _Evaluation.product,
    Sum: _Evaluation.sum,
    Apply: _Evaluation.function,
    Div: _Evaluation.quotient,
    Pow: _Evaluation.power,
    Decay: _Evaluation.decay,
}
