"""The contract of IOperations over gRPC."""

from tests.contract.providers import RpcCase
from vexfs_twisted.testing.operations_contract import contract_cases

globals().update(contract_cases(RpcCase, __name__))
