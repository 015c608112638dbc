"""Decoding of payload and vector selectors."""

from __future__ import annotations

from typing import Any

from ...model.errors import MalformedMessage
from ...model.queries import (
    ALL_PAYLOAD,
    NO_PAYLOAD,
    PayloadMode,
    PayloadSelector,
    Selection,
    VectorSelector,
)
from ..generated import points_pb2 as pb
from .filters import read_paths


def read_selection(message: Any, *, payload_by_default: bool = False) -> Selection:
    """Decode the fields `with_payload` and `with_vectors` of a request.

    Raises MalformedMessage if the former is set but empty.
    """
    payload = ALL_PAYLOAD if payload_by_default else NO_PAYLOAD
    if message.HasField("with_payload"):
        payload = _read_payload_selector(message.with_payload)
    vectors: VectorSelector = False
    if message.HasField("with_vectors"):
        vectors = _read_vector_selector(message.with_vectors)
    return Selection(payload, vectors)


def _read_payload_selector(message: pb.WithPayloadSelector) -> PayloadSelector:
    kind = message.WhichOneof("selector_options")
    if kind == "include":
        return PayloadSelector(PayloadMode.INCLUDE, read_paths(message.include.fields))
    if kind == "exclude":
        return PayloadSelector(PayloadMode.EXCLUDE, read_paths(message.exclude.fields))
    if kind is None:
        raise MalformedMessage("No PayloadSelector")
    return ALL_PAYLOAD if message.enable else NO_PAYLOAD


def _read_vector_selector(message: pb.WithVectorsSelector) -> VectorSelector:
    if message.WhichOneof("selector_options") == "include":
        return tuple(message.include.names)
    return message.enable
