"""Evaluation of formulas over many points at once.

An expression is evaluated for a set of positions among n points, float64. Products are evaluated
operand by operand, for the points whose product is not 0 yet; so is an error in an operand an error
only if a point needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

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
    Max,
    Min,
    Mult,
    PayloadDatetime,
    PayloadNumber,
    Pow,
    Score,
    Sum,
)
from ....model.payload_path import Key, PayloadPath
from ...payload_index.only_values import OnlyValues, ValueKind
from ...predicates.geo import distances, place_of
from ...predicates.paths import reached

Numbers = NDArray[np.float64]
Positions = NDArray[np.int64]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

_MICROSECONDS = 1e6
_NO_VALUE = "No value found in a payload nor defaults"


class FormulaPoints:
    """The points that a formula is evaluated for.

    `scores`, shape [prefetches, n], float32, and `is_scored`, of the same shape, are those of the
    prefetches. The functions are called when the formula first needs their results: `only_values`
    for the values of all points at a path that are known without payloads, `payloads` for those of
    the points at positions, JSON, and `passing` for the mask of the points that pass a filter.
    """

    def __init__(
        self,
        scores: Scores,
        is_scored: Mask,
        only_values: Callable[[PayloadPath, ValueKind], OnlyValues],
        payloads: Callable[[Positions], Sequence[bytes]],
        passing: Callable[[Filter], Mask],
    ) -> None:
        self.scores = scores
        self.is_scored = is_scored
        self.only_values = only_values
        self.payloads = payloads
        self.passing = passing

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.scores[0]) if len(self.scores) else 0


def formula_scores(formula: Formula, points: FormulaPoints) -> Scores:
    """The value of a formula for each point, shape [n], float32.

    Raises BadInput for values that are missing or of a wrong type, and results that are not finite.
    """
    values = _Evaluation(formula, points).value(formula.expression, np.arange(points.count))
    with np.errstate(over="ignore"):
        scores = values.astype(np.float32)
    for place in np.flatnonzero(~np.isfinite(scores))[:1].tolist():
        raise _not_finite(f"{_shown(values[place])} as a 32-bit float")
    return scores


class _Evaluation:
    """The evaluation of one formula. Values of the same variable are looked up once."""

    def __init__(self, formula: Formula, points: FormulaPoints) -> None:
        self._defaults = formula.defaults
        self._points = points
        self._paths = list(dict.fromkeys(_paths_of(formula.expression)))
        self._found: dict[tuple[PayloadPath, ValueKind], OnlyValues] = {}
        self._in_payloads: dict[int, list[Any]] = {}

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
        return self._variable(node.path, ValueKind.NUMBER, at)

    def datetime(self, node: PayloadDatetime, at: Positions) -> Numbers:
        return self._variable(node.path, ValueKind.DATETIME, at)

    def moment(self, node: DatetimeConstant, at: Positions) -> Numbers:
        return np.full(len(at), node.seconds)

    def condition(self, node: FilterTest, at: Positions) -> Numbers:
        return self._points.passing(node.filter)[at].astype(np.float64)

    def geo_distance(self, node: GeoDistance, at: Positions) -> Numbers:
        places = self._variable(node.to, ValueKind.PLACE, at)
        return distances(node.origin, places.real, places.imag)

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

    def extremum(self, node: Max | Min, at: Positions) -> Numbers:
        # Operands that are not numbers are passed over.
        choose = np.fmax if isinstance(node, Max) else np.fmin
        result, *others = (self.value(operand, at) for operand in node.operands)
        for other in others:
            result = choose(result, other)
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
                default: float = _typed(name, ValueKind.NUMBER, self._defaults[name])
                return default
        return 0.0

    def _variable(self, path: PayloadPath, kind: ValueKind, at: Positions) -> NDArray[Any]:
        """The values of a variable, of the dtype of its kind."""
        found = self._found.get((path, kind))
        if found is None:
            found = self._found[path, kind] = self._points.only_values(path, kind)
        left = at[~found.is_known[at]]
        if len(left):
            self._read_payloads(left[~found.is_absent[left]])
            own, default = self._paths.index(path), self._defaults.get(path.text, _Missing)
            for place in left.tolist():
                value = _Missing if found.is_absent[place] else self._in_payloads[place][own]
                value = default if value is _Missing else value
                found.values[place] = _typed(path.text, kind, value)
            found.is_known[left] = True
        return found.values[at]

    def _read_payloads(self, at: Positions) -> None:
        """Read the values of all variables from the payloads of the points at positions."""
        known = self._in_payloads
        places = [place for place in at.tolist() if place not in known]
        if places:
            payloads = self._points.payloads(np.array(places, dtype=np.int64))
            for place, text in zip(places, payloads, strict=True):
                payload = orjson.loads(text)
                known[place] = [_value_at(payload, path) for path in self._paths]


class _Missing:
    """No value."""


def _value_at(payload: Any, path: PayloadPath) -> Any:
    """The value at a path; an array of one element is its element, none or null is missing."""
    steps = path.steps
    if len(steps) == 1 and isinstance(steps[0], Key):
        value = payload.get(steps[0].name)
        if not isinstance(value, list):
            return _Missing if value is None else value
    values = reached(payload, steps)
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not values or (len(values) == 1 and values[0] is None):
        return _Missing
    return values[0] if len(values) == 1 else list(values)


def _paths_of(node: Expression) -> Iterator[PayloadPath]:
    """The paths of the variables of an expression."""
    if isinstance(node, PayloadNumber | PayloadDatetime):
        yield node.path
    elif isinstance(node, GeoDistance):
        yield node.to
    for operand in _operands(node):
        yield from _paths_of(operand)


def _operands(node: Expression) -> Sequence[Expression]:
    if isinstance(node, Mult | Sum | Max | Min):
        return node.operands
    if isinstance(node, Apply):
        return (node.operand,)
    if isinstance(node, Div):
        return node.left, node.right
    if isinstance(node, Pow):
        return node.base, node.exponent
    return (node.x, node.target) if isinstance(node, Decay) else ()


def _typed(name: str, kind: ValueKind, value: Any) -> Any:
    problem = _NO_VALUE
    if value is not _Missing:
        try:
            return _CONVERSIONS[kind](value)
        except ValueError as error:
            problem = str(error)
    raise BadInput(
        f"Expected {kind.value} value for {name} in the payload and/or in the formula defaults. "
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


def _place(value: Any) -> complex:
    place = place_of(value)
    if place is None:
        raise ValueError(f"invalid type: {describe(value)}, expected a geo point")
    return complex(*place)


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
    Function.ACOSH: (np.arccosh, "acosh({})"),
}

_CONVERSIONS: Mapping[ValueKind, Callable[[Any], Any]] = {
    ValueKind.NUMBER: _number,
    ValueKind.DATETIME: _datetime,
    ValueKind.PLACE: _place,
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
    Max: _Evaluation.extremum,
    Min: _Evaluation.extremum,
    Apply: _Evaluation.function,
    Div: _Evaluation.quotient,
    Pow: _Evaluation.power,
    Decay: _Evaluation.decay,
}
