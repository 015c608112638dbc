"""The contract of IStreamOperations on the operations themselves."""

from tests.contract.providers import DirectCase
from tests.suites.operations_contract import STREAM_TOPICS, TOPICS, contract_cases

globals().update(contract_cases(DirectCase, __name__, [*TOPICS, *STREAM_TOPICS]))
