"""What a read returns of each point: payload and vector selectors."""

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
from .fields import optional, read_list, read_string


def read_path(value: Any) -> PayloadPath:
    """A path into a payload."""
    try:
        return PayloadPath.parse(read_string(value))
    except ValueError as error:
        raise FormatError(str(error)) from None


def read_paths(value: Any) -> tuple[PayloadPath, ...]:
    """A list of paths into a payload."""
    return tuple(read_path(item) for item in read_list(value))


def read_selection(body: dict[str, Any], payload: PayloadSelector) -> Selection:
    """The selectors in a request; `payload` is what counts where it names none."""
    vectors = body.get("with_vector")
    if vectors is None:
        vectors = body.get("with_vectors")
    return Selection(
        payload=optional(body, "with_payload", _read_payload_selector, payload),
        vectors=False if vectors is None else _read_vector_selector(vectors),
    )


def _read_payload_selector(value: Any) -> PayloadSelector:
    if type(value) is bool:
        return ALL_PAYLOAD if value else NO_PAYLOAD
    if type(value) is list:
        return PayloadSelector(PayloadMode.INCLUDE, read_paths(value))
    if type(value) is dict:
        for mode in (PayloadMode.INCLUDE, PayloadMode.EXCLUDE):
            if value.get(mode.value) is not None:
                return PayloadSelector(mode, read_paths(value[mode.value]))
    raise FormatError("data did not match any variant of untagged enum WithPayloadInterface")


def _read_vector_selector(value: Any) -> VectorSelector:
    if type(value) is bool:
        return value
    if type(value) is list and all(type(name) is str for name in value):
        return tuple(value)
    raise FormatError("data did not match any variant of untagged enum WithVector")
