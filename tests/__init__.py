"""The tests. What hypothesis takes for slow is the machine: it may be busy with other work."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_TIMES = int(os.environ.get("VEXFS_EXAMPLES", "1"))


def examples(count: int) -> int:
    """How many examples a test that takes long generates: `count`, or VEXFS_EXAMPLES times that."""
    return count * _TIMES
