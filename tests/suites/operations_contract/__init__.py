"""The contract of IOperations, which every provider must meet, in terms of the model.

`contract_cases` makes the test cases of one provider. The server runs them three times: on the
operations themselves, over REST, and over gRPC; those of streams on the operations and over gRPC.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.suites.operations_contract.aliases import AliasesContract
from tests.suites.operations_contract.batches import BatchesContract
from tests.suites.operations_contract.case import ContractCase
from tests.suites.operations_contract.collections import CollectionsContract
from tests.suites.operations_contract.configuration import ConfigurationContract
from tests.suites.operations_contract.facets import FacetsContract
from tests.suites.operations_contract.filters import FiltersContract
from tests.suites.operations_contract.indexed import IndexedFieldsContract
from tests.suites.operations_contract.lookups import LookupsContract
from tests.suites.operations_contract.names import NamesContract
from tests.suites.operations_contract.optimizations import OptimizationsContract
from tests.suites.operations_contract.queries import (
    NearestContract,
    QueriesContract,
    RefusedQueriesContract,
)
from tests.suites.operations_contract.reads import CountContract, RetrieveContract, ScrollContract
from tests.suites.operations_contract.refused_trees import RefusedTreesContract
from tests.suites.operations_contract.release import ReleaseContract, StreamReleaseContract
from tests.suites.operations_contract.scores import (
    OverflowContract,
    ThresholdsContract,
    UnrankedContract,
)
from tests.suites.operations_contract.streams import (
    IncomingStreamsContract,
    OutgoingStreamsContract,
)
from tests.suites.operations_contract.strict_mode import (
    RatesContract,
    StrictFiltersContract,
    StrictModeContract,
    StrictSizesContract,
    StrictStreamsContract,
)
from tests.suites.operations_contract.updates import (
    DeletionsContract,
    RefusedUpsertsContract,
    UpsertsContract,
)
from tests.suites.operations_contract.vector_forms import VectorFormsContract
from tests.suites.operations_contract.vector_kinds import (
    MultivectorsContract,
    SparseVectorsContract,
)
from tests.suites.operations_contract.vector_names import VectorNamesContract

TOPICS: tuple[type[ContractCase], ...] = (
    CollectionsContract,
    NamesContract,
    ConfigurationContract,
    VectorFormsContract,
    VectorNamesContract,
    SparseVectorsContract,
    MultivectorsContract,
    OptimizationsContract,
    AliasesContract,
    UpsertsContract,
    RefusedUpsertsContract,
    DeletionsContract,
    BatchesContract,
    RetrieveContract,
    CountContract,
    ScrollContract,
    FiltersContract,
    FacetsContract,
    IndexedFieldsContract,
    NearestContract,
    QueriesContract,
    RefusedQueriesContract,
    RefusedTreesContract,
    LookupsContract,
    ThresholdsContract,
    UnrankedContract,
    OverflowContract,
    StrictModeContract,
    StrictFiltersContract,
    StrictSizesContract,
    RatesContract,
    ReleaseContract,
)
"""The mixins, one per topic, each with its initial data."""

STREAM_TOPICS: tuple[type[ContractCase], ...] = (
    OutgoingStreamsContract,
    IncomingStreamsContract,
    StrictStreamsContract,
    StreamReleaseContract,
)
"""The topics for providers of IStreamOperations."""


def contract_cases(
    provider: type,
    module: str,
    topics: Iterable[type[ContractCase]] = TOPICS,
    prefix: str = "",
) -> dict[str, type]:
    """The test cases of one provider, by name, for the module that will hold them.

    `provider` is a trial TestCase with a coroutine `make_operations`, which answers operations over
    an empty store, and `not_for_this_provider`, which maps tests it cannot run to the reasons.
    `prefix` tells the classes of two providers in one module apart.
    """
    cases = {}
    for topic in topics:
        name = prefix + topic.__name__.replace("Contract", "Tests")
        members = {"__module__": module, "__doc__": topic.__doc__}
        cases[name] = type(name, (topic, provider), members)
    return cases


__all__ = [
    "STREAM_TOPICS",
    "TOPICS",
    "NearestContract",
    "QueriesContract",
    "RefusedUpsertsContract",
    "ThresholdsContract",
    "UpsertsContract",
    "contract_cases",
]
