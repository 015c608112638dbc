"""Decoding of formulas from JSON.

Numbers are rounded to float32, as gRPC has them. The public function raises DomainErrors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from ...jsonform.converter import located
from ...model.errors import FormatError
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
    Mult,
    PayloadDatetime,
    Pow,
    Sum,
    check_decay,
    check_expression_depth,
    datetime_constant,
    read_variable,
)
from .fields import (
    defaulted,
    optional,
    present,
    read_float32,
    read_list,
    read_object,
    read_string,
    required,
)
from .filters import read_condition
from .predicates import read_geo_point
from .selectors import read_path


@frozen
class _Scope:
    """The position of an expression: its path in the request, and its depth in the formula."""

    path: str
    depth: int = 1

    def at(self, place: str) -> _Scope:
        """The scope of the operand `place`."""
        return _Scope(f"{self.path}.{place}", self.depth + 1)


def read_formula(body: dict[str, Any], path: str) -> Formula:
    """The formula in the member `formula`, with `defaults`; `path` is the path of the query."""
    expression = located("formula", read_expression, present(body, "formula"), _Scope(path))
    defaults = defaulted(body, "defaults", _read_defaults, {})
    return Formula(expression, defaults)


def _read_defaults(value: Any) -> dict[str, Any]:
    defaults = read_object(value, "map")
    for name in defaults:
        read_variable(name)
    return defaults


def read_expression(value: Any, scope: _Scope) -> Expression:
    """An expression. Recursion uses few frames per level."""
    check_expression_depth(scope.depth)
    if type(value) is str:
        return read_variable(value)
    if type(value) is int or type(value) is float:
        return Constant(read_float32(value))
    if type(value) is not dict:
        raise _no_expression()
    for name, read in _OPERATIONS.items():
        if name in value:
            return read(value[name], name, scope.at(name))
    condition = read_condition(value, scope.path)
    return FilterTest(condition if isinstance(condition, Filter) else Filter(must=(condition,)))


def _no_expression() -> FormatError:
    return FormatError("data did not match any variant of untagged enum Expression")


def _operand(body: dict[str, Any], name: str, scope: _Scope) -> Expression:
    return located(name, read_expression, present(body, name), scope.at(name))


def _operands(value: Any, name: str, scope: _Scope) -> tuple[Expression, ...]:
    found = []
    for index, item in enumerate(located(name, read_list, value)):
        place = f"{name}[{index}]"
        own = _Scope(f"{scope.path}[{index}]", scope.depth)
        found.append(located(place, read_expression, item, own))
    return tuple(found)


def _apply(function: Function) -> Callable[[Any, str, _Scope], Expression]:
    def read(value: Any, name: str, scope: _Scope) -> Expression:
        return Apply(function, located(name, read_expression, value, scope))

    return read


def _mult(value: Any, name: str, scope: _Scope) -> Mult:
    return Mult(_operands(value, name, scope))


def _sum(value: Any, name: str, scope: _Scope) -> Sum:
    return Sum(_operands(value, name, scope))


def _div(value: Any, _: str, scope: _Scope) -> Div:
    body = read_object(value, "DivParams")
    return Div(
        _operand(body, "left", scope),
        _operand(body, "right", scope),
        optional(body, "by_zero_default", read_float32, None),
    )


def _pow(value: Any, _: str, scope: _Scope) -> Pow:
    body = read_object(value, "PowParams")
    return Pow(_operand(body, "base", scope), _operand(body, "exponent", scope))


def _decay(kind: DecayKind) -> Callable[[Any, str, _Scope], Expression]:
    def read(value: Any, _: str, scope: _Scope) -> Expression:
        body = read_object(value, "DecayParamsExpression")
        given: dict[str, Any] = {}
        if body.get("target") is not None:
            given["target"] = _operand(body, "target", scope)
        for name in ("scale", "midpoint"):
            if body.get(name) is not None:
                given[name] = located(name, read_float32, body[name])
        decay = Decay(kind, _operand(body, "x", scope), **given)
        check_decay(decay)
        return decay

    return read


def _geo_distance(value: Any, _: str, scope: _Scope) -> GeoDistance:
    body = read_object(value, "GeoDistanceParams")
    origin = read_geo_point(present(body, "origin"), f"{scope.path}.origin")
    return GeoDistance(origin, required(body, "to", read_path))


def _datetime(value: Any, name: str, _: _Scope) -> Expression:
    return datetime_constant(located(name, read_string, value))


def _datetime_key(value: Any, name: str, _: _Scope) -> PayloadDatetime:
    return PayloadDatetime(located(name, read_path, value))


_OPERATIONS: Mapping[str, Callable[[Any, str, _Scope], Expression]] = {
    "geo_distance": _geo_distance,
    "datetime": _datetime,
    "datetime_key": _datetime_key,
    "mult": _mult,
    "sum": _sum,
    "div": _div,
    "pow": _pow,
    **{own.value: _apply(own) for own in Function if own is not Function.ACOSH},
    **{kind.value: _decay(kind) for kind in DecayKind},
}
"""Readers of expressions by the member that determines the kind of expression."""
