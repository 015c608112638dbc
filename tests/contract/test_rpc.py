"""The contract of IOperations over gRPC."""

from tests.contract.providers import RpcCase
from tests.suites.operations_contract import contract_cases

globals().update(contract_cases(RpcCase, __name__))
