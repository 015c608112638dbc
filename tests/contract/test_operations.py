"""The contract of IStreamOperations on the operations themselves."""

from vexfs_twisted.testing.operations_contract import STREAM_TOPICS, TOPICS, contract_cases

from .providers import DirectCase

globals().update(contract_cases(DirectCase, __name__, [*TOPICS, *STREAM_TOPICS]))
