"""Settings that change while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from . import logs
from .certificates import CertificateFiles, CertificateService
from .config import Config, settings
from .logs import get_logger
from .middleware import Middleware
from .security.authentication import ApiKeys, Authentication

log = get_logger("vexfs.daemon")

RELOADED = (
    "log_level",
    "api_key",
    "alt_api_key",
    "read_only_api_key",
    "tls_cert",
    "tls_key",
    "tls_ca_cert",
)
"""The fields of Config that take effect without a restart."""


_KEYS = ("api_key", "alt_api_key", "read_only_api_key")


def certificate_files(config: Config) -> CertificateFiles:
    """The files of TLS."""
    authorities = config.tls_ca_cert if config.verify_client_certificate else None
    return CertificateFiles(config.tls_cert, config.tls_key, authorities)


def keys_of(config: Config) -> ApiKeys:
    """The keys that callers may have."""
    keys = config.api_key, config.alt_api_key, config.read_only_api_key
    return ApiKeys(*keys, signs_tokens=config.jwt_rbac)


def restart_needed(before: Config, now: Config) -> list[str]:
    """The keys of settings that have changed and have no effect before a restart."""
    changed = [
        setting.key
        for name, setting, _ in settings()
        if name not in RELOADED and getattr(before, name) != getattr(now, name)
    ]
    if before.collections != now.collections:
        changed.append("storage")
    if bool(before.api_keys) != bool(now.api_keys):
        # Whether a server is open to everyone is nothing to change in passing.
        changed.append("service.api_key")
    return changed


class Reloader:
    """Applies changed settings to the parts of a server. In the reactor thread.

    `config` has the settings in use. `others` is called with them once they have changed.
    """

    def __init__(
        self,
        config: Config,
        chain: Iterable[Middleware],
        certificates: CertificateService | None,
        others: Callable[[Config], object] | None = None,
    ) -> None:
        self.config = config
        self._authentications = [part for part in chain if isinstance(part, Authentication)]
        self._certificates = certificates
        self._others = others

    async def apply(self, now: Config) -> None:
        """Use those of RELOADED, read certificates again, and log what needs a restart."""
        before = self.config
        changes = {name: getattr(now, name) for name in RELOADED}
        if bool(before.api_keys) != bool(now.api_keys):
            changes |= {name: getattr(before, name) for name in _KEYS}
        self.config = config = attrs.evolve(before, **changes)
        logs.set_level(config.log_level)
        # Calls that were made before may still be logged.
        logs.hide((*before.secrets, *config.secrets))
        for authentication in self._authentications:
            authentication.use(keys_of(config))
        if self._certificates is not None:
            await self._certificates.reload(certificate_files(config))
        if self._others is not None:
            self._others(config)
        for key in restart_needed(before, now):
            log.warning("a changed setting needs a restart", setting=key)
