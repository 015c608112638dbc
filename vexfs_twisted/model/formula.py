"""Formulas: expressions of a point's payload and of its scores in the prefetches."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from attrs import Factory, frozen

from .filters import Filter
from .geo import GeoPoint
from .payload_path import PayloadPath
from .validation import sound


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


class Function(Enum):
    """A function of one operand."""

    NEG = "neg"
    ABS = "abs"
    SQRT = "sqrt"
    EXP = "exp"
    LOG10 = "log10"
    LN = "ln"


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
