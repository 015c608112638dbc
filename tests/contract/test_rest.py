"""The contract of IOperations over REST; every answer is held against the API's description."""

from vexfs_twisted.testing.operations_contract import contract_cases

from .providers import RestCase

globals().update(contract_cases(RestCase, __name__))
