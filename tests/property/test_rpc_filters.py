"""A filter over gRPC means what the same filter over REST does.

The official client turns its JSON form into messages.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests import examples
from tests.filter_json import filter_to_json
from tests.property.test_rest_codecs import filters
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.rest.codecs.filters import read_filter as read_json_filter
from vexfs_twisted.rpc.codecs.filters import read_filter
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common

try:
    from qdrant_client.conversions.conversion import RestToGrpc
    from qdrant_client.http import models
except ImportError:
    HAS_CLIENT = False
else:
    HAS_CLIENT = True


def typed(value: Any) -> Any:
    """`value` as lists with type names: 1 and True are equal to Python, and sets have no order."""
    if isinstance(value, PayloadPath):
        return value.text
    if attrs.has(type(value)):
        return [type(value).__name__, *map(typed, attrs.astuple(value, recurse=False))]
    if isinstance(value, tuple):
        return [typed(item) for item in value]
    if isinstance(value, frozenset):
        return sorted([type(item).__name__, str(item)] for item in value)
    return [type(value).__name__, value]


class FilterTests(SynchronousTestCase):
    def setUp(self) -> None:
        if not HAS_CLIENT:
            raise SkipTest("needs qdrant-client")

    @settings(max_examples=examples(40))
    @given(filters())
    def test_both_wires_read_the_same(self, value: Filter) -> None:
        spelled = filter_to_json(value)
        sent = RestToGrpc.convert_filter(models.Filter.model_validate(spelled))
        received = common.Filter.FromString(sent.SerializeToString())
        self.assertEqual(typed(read_filter(received)), typed(read_json_filter(spelled)))
