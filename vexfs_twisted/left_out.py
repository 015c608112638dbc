"""Keeps Twisted from importing what it has for TLS, which this server does not speak."""

from __future__ import annotations

import sys

_LIBRARIES = ("OpenSSL", "h2")
"""What Twisted imports where it is installed, for TLS and for HTTP/2, which needs TLS."""


def leave_out_tls() -> None:
    """Make this process one in which these libraries are not installed.

    Must be called before the reactor is imported. They take a tenth of the time until the server
    listens, and 10 MiB. Each that is loaded already stays.
    """
    for name in _LIBRARIES:
        # None is how sys.modules says that there is no such module.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
