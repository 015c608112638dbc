"""Decoding of payload and vector selectors from JSON. Errors are FormatErrors."""

from __future__ import annotations

from typing import Any

from ...model.errors import FormatError
from ...model.payload_path import PayloadPath
from ...model.queries import (
    ALL_PAYLOAD,
    NO_PAYLOAD,
    PayloadMode,
    PayloadSelector,
    Selection,
    VectorSelector,
)
from .fields import defaulted, optional, read_list, read_string


def read_path(value: Any) -> PayloadPath:
    """A payload path. Raises FormatError."""
    try:
        return PayloadPath.parse(read_string(value))
    except ValueError as error:
        raise FormatError(str(error)) from None


def read_paths(value: Any) -> tuple[PayloadPath, ...]:
    """A list of payload paths. Raises FormatError."""
    return tuple(read_path(item) for item in read_list(value))


def read_selection(
    body: dict[str, Any], payload: PayloadSelector, *, takes_null: bool = False
) -> Selection:
    """The selectors in a request; `payload` is the default payload selector.

    `takes_null`: null is a valid vector selector, which selects none. Raises FormatError.
    """
    read_field = optional if takes_null else defaulted
    vectors: VectorSelector = False
    for name in ("with_vectors", "with_vector"):
        vectors = read_field(body, name, _read_vector_selector, vectors)
    return Selection(
        payload=optional(body, "with_payload", _read_payload_selector, payload), vectors=vectors
    )


def _read_payload_selector(value: Any) -> PayloadSelector:
    if type(value) is bool:
        return ALL_PAYLOAD if value else NO_PAYLOAD
    if type(value) is list:
        return PayloadSelector(PayloadMode.INCLUDE, read_paths(value))
    if type(value) is dict and len(value) == 1:
        for mode in (PayloadMode.INCLUDE, PayloadMode.EXCLUDE):
            if mode.value in value:
                return PayloadSelector(mode, read_paths(value[mode.value]))
    raise FormatError("data did not match any variant of untagged enum WithPayloadInterface")


def _read_vector_selector(value: Any) -> VectorSelector:
    if type(value) is bool:
        return value
    if type(value) is list and all(type(name) is str for name in value):
        return tuple(value)
    raise FormatError("data did not match any variant of untagged enum WithVector")
