"""The certificates of TLS, for both wires, and their replacement while the server runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .logs import get_logger
from .threadpool import RunInThread

if TYPE_CHECKING:
    from OpenSSL.SSL import Context

log = get_logger("vexfs.tls")

RETRY_S = 60.0
"""Seconds after which certificates that could not be used are read again, if not due before."""

_SESSION_ID = b"vexfs-qdrant"


class CertificateError(Exception):
    """Certificates cannot be used; the text names the file and the reason, in one line."""


@frozen
class CertificateFiles:
    """PEM files: the chain of the server's certificate, its key, and authorities of clients.

    With `authorities`, clients must present a certificate that one of them has signed.
    """

    chain: str
    key: str
    authorities: str | None = None


@frozen(eq=False)
class Certificates:
    """The contents of the files, and the context of OpenSSL for connections of REST."""

    chain: bytes
    key: bytes = field(repr=False)
    authorities: bytes | None
    context: Context
    until: datetime

    def is_of(self, chain: bytes, key: bytes, authorities: bytes | None) -> bool:
        """Whether they were made of these contents."""
        return (self.chain, self.key, self.authorities) == (chain, key, authorities)


class CertificateStore:
    """Holds the certificates in use. `current` may be read by any thread once `load` was called."""

    def __init__(self, files: CertificateFiles) -> None:
        self.files = files
        self._current: Certificates | None = None

    @property
    def current(self) -> Certificates:
        """The certificates for the next connection."""
        if self._current is None:
            raise RuntimeError("no certificates are loaded")
        return self._current

    def load(self, files: CertificateFiles | None = None) -> bool:
        """Read the files, or others from now on; returns whether their contents are new.

        Raises CertificateError and changes nothing where they cannot be used, as while they are
        being replaced one after the other. Blocks; one call at a time.
        """
        files = files or self.files
        chain, key = _read(files.chain), _read(files.key)
        authorities = None if files.authorities is None else _read(files.authorities)
        self.files = files
        if self._current is not None and self._current.is_of(chain, key, authorities):
            return False
        self._current = _certificates(files, chain, key, authorities)
        return True


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from None


def _certificates(
    files: CertificateFiles, chain: bytes, key: bytes, authorities: bytes | None
) -> Certificates:
    """Make the context of the contents of files. Raises CertificateError."""
    # Imported late: a server without TLS has no use for it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates
    from OpenSSL import SSL
    from OpenSSL.crypto import X509, PKey

    def parsed(path: str, data: bytes) -> list[X509]:
        try:
            return [X509.from_cryptography(one) for one in load_pem_x509_certificates(data)]
        except ValueError:
            raise CertificateError(f"{path} holds no certificate in PEM format") from None

    own, *others = parsed(files.chain, chain)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_session_id(_SESSION_ID)
    # No protocol is selected by ALPN, so it is HTTP/1.1. To select it would take a callback, for
    # which pyOpenSSL needs memory that is writable and executable: units of systemd forbid that.
    try:
        private: Any = load_pem_private_key(key, None)
        context.use_privatekey(PKey.from_cryptography_key(private))
    except (SSL.Error, UnsupportedAlgorithm, ValueError, TypeError):
        reason = f"{files.key} holds no key in PEM format without passphrase"
        raise CertificateError(reason) from None
    try:
        context.use_certificate(own)
        context.check_privatekey()
    except SSL.Error:
        raise CertificateError(f"{files.key} is not the key of {files.chain}") from None
    for other in others:
        context.add_extra_chain_cert(other)
    if authorities is not None:
        assert files.authorities is not None
        store = context.get_cert_store()
        assert store is not None
        trusted = parsed(files.authorities, authorities)
        for authority in trusted:
            store.add_cert(authority)
        context.set_client_ca_list([authority.get_subject() for authority in trusted])
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    until = own.to_cryptography().not_valid_after_utc
    return Certificates(chain, key, authorities, context, until)


class CertificateService(Service):
    """Loads certificates when it starts, and reads them again every `interval_s` seconds.

    Files are read in a thread. Connections that are open keep the certificates of their handshake.
    None for `interval_s`: they are read again by `reload` alone. In the reactor thread.
    """

    name = "certificates"

    def __init__(
        self,
        store: CertificateStore,
        interval_s: float | None,
        clock: IReactorTime,
        run_in_thread: RunInThread,
    ) -> None:
        self.store = store
        self._interval_s = interval_s
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._next: IDelayedCall | None = None
        self._reading: Deferred[None] | None = None

    def startService(self) -> Deferred[None]:
        """Load the certificates. Fails with CertificateError."""
        super().startService()
        loading: Deferred[Any] = self._run_in_thread(self.store.load)
        return loading.addCallback(lambda _: self._loaded())

    def stopService(self) -> Deferred[None] | None:
        """Read no more."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        return self._reading

    def reload(self, files: CertificateFiles | None = None) -> Deferred[None]:
        """Read the files again, or others from now on; fires when that is done.

        An error is logged, and the certificates in use stay.
        """
        if self._reading is not None:
            # What is read right now may be older than the call.
            return self._reading.addCallback(lambda _: self.reload(files))
        if self._next is not None:
            self._next.cancel()
            self._next = None
        return Deferred.fromCoroutine(self._reload(files))

    async def _reload(self, files: CertificateFiles | None) -> None:
        reading = self._reading = Deferred()
        try:
            is_new = await self._run_in_thread(self.store.load, files)
        except Exception as error:
            is_expected = isinstance(error, CertificateError)
            log.error(
                "certificates cannot be used, those before stay in use",
                reason=str(error),
                exc_info=None if is_expected else error,
            )
            self._read_again(RETRY_S)
        else:
            if is_new:
                self._loaded()
            else:
                self._read_again()
        finally:
            self._reading = None
            reading.callback(None)

    def _loaded(self) -> None:
        until = self.store.current.until
        is_over = until <= datetime.now(UTC)
        tell = log.warning if is_over else log.info
        tell("certificate is out of date" if is_over else "certificate in use", until=str(until))
        self._read_again()

    def _read_again(self, most_s: float | None = None) -> None:
        """Read again after the interval, and after `most_s` at most."""
        if self._interval_s is not None and self.running:
            seconds = self._interval_s if most_s is None else min(self._interval_s, most_s)
            self._next = self._clock.callLater(seconds, self._due)

    def _due(self) -> None:
        self._next = None
        self.reload()
