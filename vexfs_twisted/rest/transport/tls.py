"""Connections of REST over TLS. Imported only where TLS is on: it imports OpenSSL."""

from __future__ import annotations

from typing import Any, cast

from OpenSSL.SSL import Connection as TlsState
from OpenSSL.SSL import WantReadError
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IStreamServerEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ...certificates import CertificateStore
from .channel import TLS_RECORD, ChannelSite, refusal
from .immediate import write_now

_RECORDS_BYTES = 2**15
"""The most bytes of encrypted records that are taken from OpenSSL at a time."""


class TlsConnection(TLSMemoryBIOProtocol):
    """The TLS layer of one connection.

    Beside what Twisted's does, records are sent at once, as without TLS; closing does not wait for
    the client to close as well, which idle clients do not; and a client that does not speak TLS
    is told so in plain HTTP.
    """

    _is_new = True

    def getHandle(self) -> Any:
        """The socket, as without TLS."""
        return cast(Any, self.transport).getHandle()

    def dataReceived(self, data: bytes) -> None:
        """Decrypt what was received."""
        if self._is_new:
            self._is_new = False
            if data[:1] != TLS_RECORD:
                self._refuse_plain()
                return
        super().dataReceived(data)

    def _refuse_plain(self) -> None:
        self._site.notices.no_tls(self._client)
        self._aborted = True
        transport = cast(ITCPTransport, self.transport)
        transport.write(refusal(400, "This port takes HTTPS: TLS is on here"))
        transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the operator why a handshake has failed."""
        failure = self._reason
        if failure is not None and not self._handshakeDone:
            self._site.notices.no_handshake(self._client, _explained(failure))
        super().connectionLost(reason)

    def _flushSendBIO(self) -> None:
        """Send the records that OpenSSL has made."""
        assert self._tlsConnection is not None
        try:
            records = self._tlsConnection.bio_read(_RECORDS_BYTES)
        except WantReadError:
            return
        write_now(cast(Any, self.transport), records, b"")

    def _shutdownTLS(self) -> None:
        """Send the end of TLS, and close once all is sent."""
        if self._tlsConnection is None:
            # The connection was lost while it was being aborted.
            return
        super()._shutdownTLS()
        cast(ITCPTransport, self.transport).loseConnection()

    @property
    def _site(self) -> ChannelSite:
        return cast(ChannelSite, self.factory.wrappedFactory)

    @property
    def _client(self) -> str:
        return str(getattr(cast(ITCPTransport, self.transport).getPeer(), "host", ""))


def _explained(failure: Failure) -> str:
    """The reason of OpenSSL, which is the last part of the last of its errors."""
    errors = failure.value.args[0] if failure.value is not None and failure.value.args else ()
    if isinstance(errors, list) and errors and isinstance(errors[-1], tuple):
        return str(errors[-1][-1])
    return failure.getErrorMessage()


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    """Makes the state of a connection of the certificates that are in use by then."""

    def __init__(self, certificates: CertificateStore) -> None:
        self._certificates = certificates

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> TlsState:
        """See IOpenSSLServerConnectionCreator."""
        return TlsState(self._certificates.current.context, None)


class TlsFactory(TLSMemoryBIOFactory):
    """Adds TLS to the connections of a site, except those over a Unix socket."""

    protocol = TlsConnection

    def __init__(self, certificates: CertificateStore, site: IProtocolFactory) -> None:
        super().__init__(_Creator(certificates), False, site)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """The protocol of a connection."""
        if isinstance(addr, UNIXAddress):
            return self.wrappedFactory.buildProtocol(addr)
        return super().buildProtocol(addr)


@implementer(IStreamServerEndpoint)
class TlsEndpoint:
    """An endpoint whose connections speak TLS."""

    def __init__(self, endpoint: IStreamServerEndpoint, certificates: CertificateStore) -> None:
        self._endpoint = endpoint
        self._certificates = certificates

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen. Fails with CannotListenError."""
        return self._endpoint.listen(TlsFactory(self._certificates, protocolFactory))
