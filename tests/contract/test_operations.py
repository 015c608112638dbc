"""The contract of IOperations on the operations themselves."""

from vexfs_twisted.testing.operations_contract import contract_cases

from .providers import DirectCase

globals().update(contract_cases(DirectCase, __name__))
