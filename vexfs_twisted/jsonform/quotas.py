"""Quotas as JSON values: in requests, answers and files."""

from __future__ import annotations

from typing import Any

from attrs import asdict

from ..model.quotas import QuotaConfig, QuotaExceeded, QuotaUsage
from ..model.validation import validate
from .converter import make_converter

_CONVERTER = make_converter()


def read_quota_config(value: object) -> QuotaConfig:
    """Decode a configuration. Raises FormatError and ValidationError."""
    config = _CONVERTER.structure(value, QuotaConfig)
    validate(config)
    return config


def quota_config_to_json(config: QuotaConfig) -> dict[str, Any]:
    """Encode a configuration, without what is not set."""
    plain: dict[str, Any] = _CONVERTER.unstructure(config)
    return plain


def quota_part_to_json(part: QuotaUsage | QuotaExceeded) -> dict[str, Any]:
    """Encode what is used or exceeded, null where that is not known."""
    return asdict(part)
