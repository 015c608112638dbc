"""The contract of IOperations over REST; every answer is held against the API's description."""

from tests.contract.model_json import upsert_columns
from tests.contract.providers import RestCase
from tests.suites.operations_contract import RefusedUpsertsContract, UpsertsContract, contract_cases


class ColumnsCase(RestCase):
    """Upserts are sent as columns, where that form can say them."""

    upsert_json = staticmethod(upsert_columns)


_WRITES = (UpsertsContract, RefusedUpsertsContract)

globals().update(contract_cases(RestCase, __name__))
globals().update(contract_cases(ColumnsCase, __name__, _WRITES, prefix="Columns"))
