"""Formulas: expressions of a point's payload and of its scores in the prefetches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from attrs import Factory, frozen

from .datetimes import parse_datetime
from .errors import BadInput
from .filters import Filter
from .geo import GeoPoint
from .payload_path import Index, Key, PayloadPath
from .validation import shortest, sound

MAX_EXPRESSION_DEPTH = 64

_MICROSECONDS = 1e6


@frozen
class Constant:
    """A number."""

    value: float


@frozen
class Score:
    """The score of the point in the prefetch at `position`, `$score[position]`; `$score` is 0."""

    position: int = 0


@frozen
class PayloadNumber:
    """The number at a path of the payload, or the default of that name."""

    path: PayloadPath


@frozen
class FilterTest:
    """1 if the point passes the filter, else 0."""

    filter: Filter


@frozen
class DatetimeConstant:
    """A point in time, in seconds since 1970 UTC; `text` is as given."""

    seconds: float
    text: str


@frozen
class PayloadDatetime:
    """The datetime at a path of the payload, in seconds since 1970 UTC."""

    path: PayloadPath


@frozen
class GeoDistance:
    """The distance in metres, by the haversine formula, from `origin` to the point at `to`."""

    origin: GeoPoint
    to: PayloadPath


@frozen
class Mult:
    """The product. Operands after a 0 are not evaluated."""

    operands: tuple[Expression, ...]


@frozen
class Sum:
    """The sum."""

    operands: tuple[Expression, ...]


@frozen
class Max:
    """The largest of one or more operands that are numbers, NaN if none is; not in JSON."""

    operands: tuple[Expression, ...]


@frozen
class Min:
    """The smallest of one or more operands that are numbers, NaN if none is; not in JSON."""

    operands: tuple[Expression, ...]


class Function(Enum):
    """A function of one operand; ACOSH is not in JSON."""

    NEG = "neg"
    ABS = "abs"
    SQRT = "sqrt"
    EXP = "exp"
    LOG10 = "log10"
    LN = "ln"
    ACOSH = "acosh"


@frozen
class Apply:
    """A function of one operand."""

    function: Function
    operand: Expression


@frozen
class Div:
    """The quotient; 0 if `left` is 0, and `by_zero_default`, if given, if `right` is 0."""

    left: Expression
    right: Expression
    by_zero_default: float | None = None


@frozen
class Pow:
    """`base` to the power of `exponent`."""

    base: Expression
    exponent: Expression


class DecayKind(Enum):
    """The shape of a decay."""

    LINEAR = "lin_decay"
    EXPONENTIAL = "exp_decay"
    GAUSSIAN = "gauss_decay"


@frozen
class Decay:
    """A value that falls from 1 at `target` to `midpoint` at a distance of `scale`."""

    kind: DecayKind
    x: Expression
    target: Expression = Constant(0.0)
    scale: float = 1.0
    midpoint: float = 0.5


Expression = (
    Constant
    | Score
    | PayloadNumber
    | FilterTest
    | DatetimeConstant
    | PayloadDatetime
    | GeoDistance
    | Mult
    | Sum
    | Max
    | Min
    | Apply
    | Div
    | Pow
    | Decay
)


@frozen
class Formula:
    """The value of an expression as the score, larger first.

    `defaults` are JSON values by the names of variables, `$score[1]` or a payload path, as given.
    """

    expression: Expression = sound()
    defaults: Mapping[str, Any] = sound(default=Factory(dict))


def read_variable(name: str) -> Score | PayloadNumber:
    """The variable of a name: `$score`, `$score[1]`, or a payload path. Raises BadInput."""
    is_reserved = name.startswith("$")
    try:
        path = PayloadPath.parse(name.removeprefix("$"))
    except ValueError:
        raise _no_variable(name, "reserved" if is_reserved else "payload") from None
    if not is_reserved:
        return PayloadNumber(path)
    match path.steps:
        case (Key("score"),):
            return Score()
        case (Key("score"), Index(position)):
            return Score(position)
        case (Key("score"), *_):
            raise _no_variable(name, "reserved")
        case _:
            text = f"failed to parse variable ID {name}: Invalid reserved word: {name}"
            raise _invalid(text)


def datetime_constant(text: str) -> DatetimeConstant:
    """The point in time that `text` denotes. Raises BadInput."""
    moment = parse_datetime(text)
    if moment is None:
        raise _invalid(f"failed to parse date-time {text}: expected a datetime (RFC 3339)")
    return DatetimeConstant(moment / _MICROSECONDS, text)


def check_decay(decay: Decay) -> None:
    """Raise BadInput if the midpoint or the scale of a decay is out of range."""
    midpoint = _shown(decay.midpoint)
    if decay.kind is DecayKind.LINEAR:
        if not 0 <= decay.midpoint <= 1:
            text = f"Linear decay midpoint should be in the range [0.0, 1.0], got {midpoint}."
            raise _invalid(text)
    elif not 0 < decay.midpoint < 1:
        raise _invalid(f"Decay midpoint should be in the range (0.0, 1.0), got {midpoint}.")
    if not decay.scale > 0:
        text = f"Decay scale should be non-zero positive, got {_shown(decay.scale)}."
        raise _invalid(text)


def _shown(number: float) -> str:
    return shortest(number).removesuffix(".0")


def check_operands(name: str, operands: Sequence[object]) -> None:
    """Raise BadInput if the operation `name`, which needs an operand, has none."""
    if not operands:
        raise _invalid(f"`{name}` needs at least one operand")


def check_expression_depth(depth: int) -> None:
    """Raise BadInput for expressions nested too deeply; a whole formula has depth 1."""
    if depth > MAX_EXPRESSION_DEPTH:
        raise _invalid(f"expressions nested deeper than {MAX_EXPRESSION_DEPTH} levels")


def _no_variable(name: str, kind: str) -> BadInput:
    return _invalid(f"failed to parse variable ID {name}: Invalid {kind} variable: {name}")


def _invalid(text: str) -> BadInput:
    return BadInput(f"Validation failed: {text}")
