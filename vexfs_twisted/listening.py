"""Where REST listens: an address, endpoint strings, or sockets of a service manager."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from zope.interface import implementer


class EndpointError(Exception):
    """An endpoint cannot be used; the text is one line for the operator."""


def adopted_endpoint(reactor: Any, descriptor: int) -> IStreamServerEndpoint:
    """The endpoint of an inherited socket. Raises EndpointError unless it is one that listens."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as inherited:
            is_stream = inherited.type == socket.SOCK_STREAM
            listens = inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            family = inherited.family
    except OSError as error:
        raise EndpointError(f"descriptor {descriptor}: {error.strerror}") from None
    if not (is_stream and listens):
        raise EndpointError(f"descriptor {descriptor} is no stream socket that listens")
    return AdoptedStreamServerEndpoint(reactor, descriptor, family)


def parsed_endpoint(reactor: Any, text: str) -> IStreamServerEndpoint:
    """The endpoint that a string describes, as Twisted's do. Raises EndpointError."""
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, text)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise EndpointError(f"{text!r} is no endpoint: {error}") from None
    return endpoint


@implementer(IStreamServerEndpoint)
class SeveralEndpoints:
    """Several endpoints as one: all of them listen, or none."""

    def __init__(self, endpoints: Sequence[IStreamServerEndpoint]) -> None:
        self._endpoints = tuple(endpoints)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen. Fails with CannotListenError."""
        return Deferred.fromCoroutine(self._listen(protocolFactory))

    async def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        ports: list[IListeningPort] = []
        try:
            for endpoint in self._endpoints:
                ports.append(await endpoint.listen(factory))
        except BaseException as error:
            for port in ports:
                await maybeDeferred(port.stopListening)
            if isinstance(error, OSError):
                raise CannotListenError("", "", error) from None
            raise
        return SeveralPorts(ports)


@implementer(IListeningPort)
class SeveralPorts:
    """Several ports that listen, as one; its address is that of the first."""

    def __init__(self, ports: Sequence[IListeningPort]) -> None:
        self.ports = tuple(ports)

    def startListening(self) -> None:
        """No-op: they listen already."""

    async def _stop(self) -> None:
        for port in self.ports:
            await maybeDeferred(port.stopListening)

    def stopListening(self) -> Deferred[None]:
        """Fires when none of them listens any more."""
        return Deferred.fromCoroutine(self._stop())

    def getHost(self) -> IAddress:
        """The address of the first."""
        return self.ports[0].getHost()


def single_ports(port: IListeningPort | None) -> Sequence[IListeningPort]:
    """The ports of which one consists; none of None."""
    if isinstance(port, SeveralPorts):
        return port.ports
    return () if port is None else (port,)
