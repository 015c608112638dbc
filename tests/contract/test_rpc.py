"""The contract of IOperations over gRPC."""

from vexfs_twisted.testing.operations_contract import contract_cases

from .providers import RpcCase

globals().update(contract_cases(RpcCase, __name__))
