"""The contract of IStreamOperations over gRPC."""

from tests.contract.providers import RpcCase
from tests.suites.operations_contract import STREAM_TOPICS, TOPICS, contract_cases

globals().update(contract_cases(RpcCase, __name__, [*TOPICS, *STREAM_TOPICS]))
