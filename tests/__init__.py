"""The tests. What hypothesis takes for slow is the machine: it may be busy with other work."""

import os
import sys

# Programs that tests start import from here, too; each would take 0.3 s to load hypothesis. What
# runs tests has loaded unittest.
if "unittest" in sys.modules:
    from hypothesis import HealthCheck, settings

    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")

_TIMES = int(os.environ.get("VEXFS_EXAMPLES", "1"))


TRANSPORT = os.environ.get("VEXFS_GRPC_TRANSPORT", "auto")
"""What gRPC is served by, for all tests that do not choose it: the setting of that name."""

IS_LONG = _TIMES > 1
"""Whether tests that compare rounded numbers with another program's take new examples each time.

Where the two round differently, two of a million numbers are in another order. The same examples
each time show what has changed here; new ones are for who looks at what they find.
"""


def examples(count: int) -> int:
    """How many examples a test that takes long generates: `count`, or VEXFS_EXAMPLES times that."""
    return count * _TIMES
