"""Decoding of formulas. The public function raises DomainErrors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import frozen
from google.protobuf.message import Message

from ...model.errors import MalformedMessage
from ...model.filters import Filter
from ...model.formula import (
    Apply,
    Constant,
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
    Pow,
    Sum,
    check_decay,
    check_expression_depth,
    check_operands,
    datetime_constant,
    read_variable,
)
from ...model.geo import geo_point
from ..generated import points_pb2 as pb
from ..generated import qdrant_common_pb2 as common
from .fields import given
from .filters import read_condition, read_path
from .payloads import read_object


@frozen
class _Scope:
    """The position of an expression: its path in the request, and its depth in the formula."""

    path: str
    depth: int = 1

    def at(self, place: str) -> _Scope:
        """The scope of the operand `place`."""
        return _Scope(f"{self.path}.{place}", self.depth + 1)


def read_formula(message: pb.Formula, path: str) -> Formula:
    """A formula; `path` is the path of the query."""
    if not message.HasField("expression"):
        raise MalformedMessage("missing field: expression")
    expression = _read_expression(message.expression, _Scope(f"{path}.expression"))
    defaults = read_object(message.defaults)
    for name in defaults:
        read_variable(name)
    return Formula(expression, defaults)


def _read_expression(message: pb.Expression, scope: _Scope) -> Expression:
    check_expression_depth(scope.depth)
    kind = message.WhichOneof("variant")
    if kind is None:
        raise MalformedMessage("missing field: variant")
    return _OPERATIONS[kind](getattr(message, kind), scope.at(kind))


def _operand(message: Message, name: str, scope: _Scope) -> Expression:
    if not message.HasField(name):
        raise MalformedMessage(f"missing field: {name}")
    return _read_expression(getattr(message, name), scope.at(name))


def _operands(messages: Iterable[pb.Expression], scope: _Scope) -> tuple[Expression, ...]:
    return tuple(
        _read_expression(message, _Scope(f"{scope.path}[{index}]", scope.depth))
        for index, message in enumerate(messages)
    )


def _condition(message: common.Condition, scope: _Scope) -> FilterTest:
    condition = read_condition(message, scope.path)
    return FilterTest(condition if isinstance(condition, Filter) else Filter(must=(condition,)))


def _geo_distance(message: pb.GeoDistance, scope: _Scope) -> GeoDistance:
    if not message.HasField("origin"):
        raise MalformedMessage("missing field: origin")
    origin = geo_point(message.origin.lon, message.origin.lat, f"{scope.path}.origin")
    return GeoDistance(origin, read_path(message.to))


def _max(message: pb.MaxExpression, scope: _Scope) -> Max:
    check_operands("max", message.max)
    return Max(_operands(message.max, scope))


def _min(message: pb.MinExpression, scope: _Scope) -> Min:
    check_operands("min", message.min)
    return Min(_operands(message.min, scope))


def _div(message: pb.DivExpression, scope: _Scope) -> Div:
    left, right = _operand(message, "left", scope), _operand(message, "right", scope)
    return Div(left, right, **given(message, "by_zero_default"))


def _pow(message: pb.PowExpression, scope: _Scope) -> Pow:
    return Pow(_operand(message, "base", scope), _operand(message, "exponent", scope))


def _apply(function: Function) -> Callable[[Any, _Scope], Expression]:
    return lambda message, scope: Apply(function, _read_expression(message, scope))


def _decay(kind: DecayKind) -> Callable[[Any, _Scope], Expression]:
    def read(message: pb.DecayParamsExpression, scope: _Scope) -> Decay:
        parts: dict[str, Any] = given(message, "scale", "midpoint")
        if message.HasField("target"):
            parts["target"] = _operand(message, "target", scope)
        decay = Decay(kind, _operand(message, "x", scope), **parts)
        check_decay(decay)
        return decay

    return read


_OPERATIONS: Mapping[str, Callable[[Any, _Scope], Expression]] = {
    "constant": lambda number, _: Constant(number),
    "variable": lambda name, _: read_variable(name),
    "condition": _condition,
    "geo_distance": _geo_distance,
    "datetime": lambda text, _: datetime_constant(text),
    "datetime_key": lambda text, _: PayloadDatetime(read_path(text)),
    "mult": lambda message, scope: Mult(_operands(message.mult, scope)),
    "sum": lambda message, scope: Sum(_operands(message.sum, scope)),
    "max": _max,
    "min": _min,
    "div": _div,
    "pow": _pow,
    **{function.value: _apply(function) for function in Function},
    **{kind.value: _decay(kind) for kind in DecayKind},
}
"""Decoders of expressions by kind."""
