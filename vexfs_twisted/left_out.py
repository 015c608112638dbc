"""Keeps Twisted from importing what it has for TLS, where this server does not speak it."""

from __future__ import annotations

import sys


def leave_out_libraries(*, keeps_tls: bool) -> None:
    """Make this process one in which the libraries of HTTP/2, and of TLS, are not installed.

    Twisted imports them where they are. Must be called before the reactor is imported. They take a
    tenth of the time until the server listens, and 10 MiB. Each that is loaded already stays.
    REST has no HTTP/2; `keeps_tls`: the server speaks TLS.
    """
    for name in ("h2",) if keeps_tls else ("h2", "OpenSSL"):
        # None is how sys.modules says that there is no such module.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
