"""The contract with a device attached, sound or going wrong in each way: the same answers."""

from tests.contract.mirrored import MirroredCase
from tests.mirror_support import IMPATIENT, SETTINGS
from tests.suites.device import Fault
from tests.suites.operations_contract import (
    STREAM_TOPICS,
    TOPICS,
    NearestContract,
    QueriesContract,
    ThresholdsContract,
    contract_cases,
)

_SEARCHED = (NearestContract, QueriesContract, ThresholdsContract)

REASONS: dict[Fault, set[str]] = {
    Fault.EIO: {"failed"},
    Fault.HANGS: {"hangs"},
    Fault.STORES_NOTHING: {"wrong_count"},
    Fault.WRONG_IDS: {"wrong_scores"},
    Fault.UNKNOWN_IDS: {"wrong_scores", "unknown_ids", "wrong_count"},
    Fault.CONSTANT_SCORES: {"wrong_scores"},
    Fault.WRONG_ORDER: {"wrong_order"},
    Fault.WRONG_METRIC: {"wrong_scores"},
    Fault.SHORT_COUNTS: {"wrong_count"},
    Fault.MISSES_NEAREST: {"wrong_neighbours", "wrong_order"},
    Fault.MISCOUNTS: {"wrong_count"},
}
"""Why a device is detached that has the fault, where the fault comes to bear."""


def _cases_with(fault: Fault) -> dict[str, type]:
    name = fault.name.title().replace("_", "")
    settings = IMPATIENT if fault is Fault.HANGS else SETTINGS
    members = {"faults": (fault,), "reasons": frozenset(REASONS[fault]), "settings": settings}
    provider = type(f"{name}Case", (MirroredCase,), members)
    return contract_cases(provider, __name__, _SEARCHED, prefix=name)


globals().update(contract_cases(MirroredCase, __name__, [*TOPICS, *STREAM_TOPICS]))
for _fault in REASONS:
    globals().update(_cases_with(_fault))
