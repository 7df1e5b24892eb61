"""Sockets that never wait past a deadline and notice a cancelled run within a glance."""

import errno
import os
import select
import socket
import ssl
from ipaddress import IPv6Address

import certifi

from services.granted.address_kinds import Address
from services.granted.deadline import Deadline

RECEIVE_BYTES = 64 * 1024


def trusted_tls() -> ssl.SSLContext:
    """Trusts what this machine trusts and, where a machine ships without authorities, Mozilla's list."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class Channel:
    """A connected socket, plain or TLS. Whoever uses it brings their own deadline."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    @classmethod
    def connect(cls, address: Address, port: int, deadline: Deadline) -> "Channel":
        family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
        connecting = socket.socket(family, socket.SOCK_STREAM)
        try:
            connecting.setblocking(False)
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _await_connection(connecting, (str(address), port), deadline)
        except BaseException:
            connecting.close()
            raise
        return cls(connecting)

    def secure(self, tls: ssl.SSLContext, name: str, deadline: Deadline) -> "Channel":
        """Speak TLS with the peer, who has to prove that it is `name`. The plain channel is used up."""
        secured = self._socket
        try:
            self._socket.settimeout(deadline.glance())
            secured = tls.wrap_socket(self._socket, server_hostname=name, do_handshake_on_connect=False)
            _shake_hands(secured, deadline)
        except BaseException:
            secured.close()
            raise
        return Channel(secured)

    def receive(self, deadline: Deadline) -> bytes:
        """Some bytes, or none when the peer has closed."""
        while True:
            self._socket.settimeout(deadline.glance())
            try:
                return self._socket.recv(RECEIVE_BYTES)
            except TimeoutError:
                continue

    def send(self, data: bytes, deadline: Deadline) -> None:
        unsent = memoryview(data)
        while unsent:
            self._socket.settimeout(deadline.glance())
            try:
                unsent = unsent[self._socket.send(unsent) :]
            except TimeoutError:
                continue

    def is_silent(self) -> bool:
        """Whether nothing waits to be read. On an idle connection anything, even its end, is unexpected."""
        return not _poll(self._socket, select.POLLIN, 0)

    def close(self) -> None:
        self._socket.close()


def _await_connection(connecting: socket.socket, peer: tuple[str, int], deadline: Deadline) -> None:
    code = connecting.connect_ex(peer)
    if code == errno.EINPROGRESS:
        while not _poll(connecting, select.POLLOUT, deadline.glance()):
            pass
        code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _shake_hands(secured: ssl.SSLSocket, deadline: Deadline) -> None:
    while True:
        secured.settimeout(deadline.glance())
        try:
            return secured.do_handshake()
        except TimeoutError:
            continue


def _poll(polled: socket.socket, events: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(polled, events)
    return bool(poll.poll(seconds * 1000))
