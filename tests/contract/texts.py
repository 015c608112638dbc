"""The literal texts of errors, as clients of Qdrant know them."""

from __future__ import annotations

NO_FACET = (
    "Wrong input: No appropriate index for faceting: `k`. Please create one to facet on this field."
    " Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload"
    " schemas support Match conditions"
)
NO_ORDER = (
    "Wrong input: No range index for `order_by` key: `k`. Please create one to use `order_by`."
    " Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload"
    " schemas support Range conditions"
)
EMPTY = "Bad request: Empty update request"
SAYS_NOTHING = "Validation error: At least one field condition must be specified [{}]"
SLASH = 'collection name cannot contain "/" char'
TOO_LONG = "must be from 1 to 255 characters"
PINNED = "`pinned` memory placement is not supported for {} storage"
LONG = "x" * 256
