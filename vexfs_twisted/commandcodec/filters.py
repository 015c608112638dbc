"""The codec of filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..model.filters import (
    Condition,
    DatetimeRange,
    FieldCondition,
    Filter,
    HasId,
    HasVector,
    HoldsNull,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPhrase,
    MatchPrefix,
    MatchText,
    MatchTextAny,
    MatchValue,
    MinShould,
    Nested,
    Predicate,
    Range,
    Slice,
    ValuesCount,
)
from ..model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius
from ..model.ids import sort_key
from .generated import commands_pb2 as pb
from .messages import missing, parsed
from .values import (
    decode_number,
    decode_path,
    decode_point_ids,
    decode_scalar,
    decode_scalars,
    encode_number,
    encode_point_ids,
    encode_scalar,
    encode_scalars,
)

_BOUNDS = ("lt", "gt", "gte", "lte")


def encode_filter(filter_: Filter) -> pb.Filter:
    """Encode a filter with its conditions, nested ones included.

    Nested filters are serialized as bytes, since protobuf limits the depth of messages below that
    of filters.
    """
    message = pb.Filter(
        must=map(_encode_condition, filter_.must),
        should=map(_encode_condition, filter_.should),
        must_not=map(_encode_condition, filter_.must_not),
    )
    if filter_.min_should is not None:
        conditions = map(_encode_condition, filter_.min_should.conditions)
        message.min_should.MergeFrom(
            pb.MinShould(conditions=conditions, min_count=filter_.min_should.min_count)
        )
        message.min_should.SetInParent()
    return message


def decode_filter(message: pb.Filter) -> Filter:
    """The inverse of `encode_filter`. Raises UndecodableCommand."""
    min_should = None
    if message.HasField("min_should"):
        conditions = _decode_conditions(message.min_should.conditions)
        min_should = MinShould(conditions, message.min_should.min_count)
    return Filter(
        _decode_conditions(message.must),
        _decode_conditions(message.should),
        _decode_conditions(message.must_not),
        min_should,
    )


def _decode_conditions(messages: Iterable[pb.Condition]) -> tuple[Condition, ...]:
    return tuple(map(_decode_condition, messages))


def _encode_condition(condition: Condition) -> pb.Condition:
    if isinstance(condition, FieldCondition):
        return pb.Condition(field=_encode_field(condition))
    if isinstance(condition, HasId):
        return pb.Condition(has_id=encode_point_ids(sorted(condition.ids, key=sort_key)))
    if isinstance(condition, HasVector):
        return pb.Condition(has_vector=condition.name)
    if isinstance(condition, Nested):
        inner = encode_filter(condition.filter).SerializeToString()
        return pb.Condition(nested=pb.Nested(key=condition.key.text, filter=inner))
    if isinstance(condition, Slice):
        return pb.Condition(slice=pb.Slice(total=condition.total, index=condition.index))
    return pb.Condition(filter=encode_filter(condition).SerializeToString())


def _decode_condition(message: pb.Condition) -> Condition:
    kind = message.WhichOneof("kind")
    if kind == "field":
        return _decode_field(message.field)
    if kind == "has_id":
        return HasId(frozenset(decode_point_ids(message.has_id)))
    if kind == "has_vector":
        return HasVector(message.has_vector)
    if kind == "nested":
        inner = decode_filter(parsed(pb.Filter, message.nested.filter))
        return Nested(decode_path(message.nested.key), inner)
    if kind == "slice":
        return Slice(message.slice.total, message.slice.index)
    if kind == "filter":
        return decode_filter(parsed(pb.Filter, message.filter))
    raise missing(message, "kind")


def _encode_field(condition: FieldCondition) -> pb.FieldCondition:
    name, encode, _ = _PREDICATES[type(condition.predicate)]
    return pb.FieldCondition(key=condition.key.text, **{name: encode(condition.predicate)})


def _decode_field(message: pb.FieldCondition) -> FieldCondition:
    name = message.WhichOneof("predicate")
    if name is None:
        raise missing(message, "predicate")
    return FieldCondition(decode_path(message.key), _DECODERS[name](getattr(message, name)))


def _encode_range(range_: Range | DatetimeRange | ValuesCount) -> pb.Range:
    return pb.Range(**{name: encode_number(getattr(range_, name)) for name in _BOUNDS})


def _range_of(kind: Callable[..., Predicate]) -> Callable[[pb.Range], Predicate]:
    def decode(message: pb.Range) -> Predicate:
        given: list[Any] = [name for name in _BOUNDS if message.HasField(name)]  # type: ignore[arg-type]
        return kind(**{name: decode_number(getattr(message, name)) for name in given})

    return decode


def _encode_point(point: GeoPoint) -> pb.GeoPoint:
    return pb.GeoPoint(lon=point.lon, lat=point.lat)


def _decode_point(message: pb.GeoPoint) -> GeoPoint:
    return GeoPoint(message.lon, message.lat)


def _encode_box(box: GeoBoundingBox) -> pb.GeoBoundingBox:
    top_left, bottom_right = _encode_point(box.top_left), _encode_point(box.bottom_right)
    return pb.GeoBoundingBox(top_left=top_left, bottom_right=bottom_right)


def _decode_box(message: pb.GeoBoundingBox) -> GeoBoundingBox:
    return GeoBoundingBox(_decode_point(message.top_left), _decode_point(message.bottom_right))


def _encode_radius(circle: GeoRadius) -> pb.GeoRadius:
    return pb.GeoRadius(center=_encode_point(circle.center), radius=circle.radius)


def _decode_radius(message: pb.GeoRadius) -> GeoRadius:
    return GeoRadius(_decode_point(message.center), message.radius)


def _encode_ring(ring: Iterable[GeoPoint]) -> pb.GeoRing:
    return pb.GeoRing(points=map(_encode_point, ring))


def _decode_ring(message: pb.GeoRing) -> tuple[GeoPoint, ...]:
    return tuple(map(_decode_point, message.points))


def _encode_polygon(polygon: GeoPolygon) -> pb.GeoPolygon:
    interiors = map(_encode_ring, polygon.interiors)
    return pb.GeoPolygon(exterior=_encode_ring(polygon.exterior), interiors=interiors)


def _decode_polygon(message: pb.GeoPolygon) -> GeoPolygon:
    return GeoPolygon(_decode_ring(message.exterior), tuple(map(_decode_ring, message.interiors)))


def _nothing(_: Predicate) -> pb.Nothing:
    return pb.Nothing()


_PREDICATES: Mapping[type, tuple[str, Callable[[Any], Any], Callable[[Any], Predicate]]] = {
    MatchValue: (
        "match_value",
        lambda match: encode_scalar(match.value),
        lambda message: MatchValue(decode_scalar(message)),  # type: ignore[arg-type]
    ),
    MatchAny: (
        "match_any",
        lambda match: encode_scalars(match.values),
        lambda message: MatchAny(decode_scalars(message)),
    ),
    MatchExcept: (
        "match_except",
        lambda match: encode_scalars(match.values),
        lambda message: MatchExcept(decode_scalars(message)),
    ),
    MatchText: ("match_text", lambda match: match.text, MatchText),
    MatchTextAny: ("match_text_any", lambda match: match.text, MatchTextAny),
    MatchPhrase: ("match_phrase", lambda match: match.text, MatchPhrase),
    MatchPrefix: ("match_prefix", lambda match: match.prefix, MatchPrefix),
    Range: ("range", _encode_range, _range_of(Range)),
    DatetimeRange: ("datetime_range", _encode_range, _range_of(DatetimeRange)),
    ValuesCount: ("values_count", _encode_range, _range_of(ValuesCount)),
    GeoBoundingBox: ("geo_bounding_box", _encode_box, _decode_box),
    GeoRadius: ("geo_radius", _encode_radius, _decode_radius),
    GeoPolygon: ("geo_polygon", _encode_polygon, _decode_polygon),
    IsEmpty: ("is_empty", _nothing, lambda _: IsEmpty()),
    IsNull: ("is_null", _nothing, lambda _: IsNull()),
    HoldsNull: ("holds_null", _nothing, lambda _: HoldsNull()),
}
"""The message field, encoder and decoder of each kind of predicate."""

_DECODERS = {name: decode for name, _, decode in _PREDICATES.values()}
