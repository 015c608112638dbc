"""TLS for grpc: the certificates of the server, which each new connection asks for."""

from __future__ import annotations

from typing import Any

import grpc

from ...certificates import Certificates, CertificateStore


def server_credentials(store: CertificateStore) -> grpc.ServerCredentials:
    """Credentials that follow `store`. Whether clients must have a certificate stays as it is."""
    current = store.current
    # The type stubs have no None, which says that nothing has changed.
    changed: Any = _Follower(store, current).changed
    return grpc.dynamic_ssl_server_credentials(
        _configuration(current),
        changed,
        require_client_authentication=current.authorities is not None,
    )


class _Follower:
    """Tells grpc of new certificates. Called by threads of grpc, before each handshake."""

    def __init__(self, store: CertificateStore, known: Certificates) -> None:
        self._store = store
        self._known = known

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The certificates if they are others than at the last call."""
        current = self._store.current
        if current is self._known:
            return None
        self._known = current
        return _configuration(current)


def _configuration(current: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(current.key, current.chain)], current.authorities
    )
