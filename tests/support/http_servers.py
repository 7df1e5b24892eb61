"""Servers on loopback that behave and, above all, misbehave; a DNS server that changes its mind; a private CA.

A route is either the bytes to answer with or a function that is handed the connection and may do as it likes.
"""

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dnslib import AAAA, QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSServer

from services.granted.address_kinds import Address
from services.granted.deadline import Deadline
from services.granted.http_names import NameNotFound


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Peer:
    """The server's end of one connection."""

    connection: socket.socket
    buffer: bytes = b""
    is_open: bool = True

    def read_request(self) -> Received | None:
        while b"\r\n\r\n" not in self.buffer:
            data = self.connection.recv(65536)
            if not data:
                return None
            self.buffer += data
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        method, path, _ = first.split(" ", 2)
        return Received(method, path, headers, self._read_body(int(headers.get("content-length", 0))))

    def _read_body(self, length: int) -> bytes:
        while len(self.buffer) < length:
            data = self.connection.recv(65536)
            if not data:
                break
            self.buffer += data
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return body

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def drip(self, data: Iterable[bytes], every: float) -> None:
        for piece in data:
            self.send(piece)
            time.sleep(every)

    def hang_up(self) -> None:
        self.is_open = False


Route = bytes | Callable[[Peer, Received], None]


@dataclass
class LoopbackServer:
    """`with LoopbackServer({"/": answer(200)}) as server:`; any path without a route is answered 404."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    at_port: int = 0
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    hung_up_by_client: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.address, self.at_port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def url(self, path: str = "/", host: str | None = None) -> str:
        return f"{'https' if self.tls else 'http'}://{host or self.address}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                self._converse(Peer(connection))
        except OSError:
            self.hung_up_by_client.set()

    def _converse(self, peer: Peer) -> None:
        while peer.is_open and (request := peer.read_request()) is not None:
            self.requests.append(request)
            route = self.routes.get(request.path.partition("?")[0], answer(404))
            if callable(route):
                route(peer, request)
            else:
                peer.send(route)


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole well-formed answer; `content_type="text/plain"` becomes a header of that name."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(status, location=location)


def echo(peer: Peer, request: Received) -> None:
    """Answers with the request as it arrived."""
    lines = [f"{request.method} {request.path}", *(f"{name}: {value}" for name, value in request.headers.items())]
    peer.send(answer(200, "\n".join(lines).encode() + b"\n\n" + request.body, content_type="text/plain"))


def gzip_bomb(megabytes: int) -> bytes:
    """An answer a thousand times larger than it looks."""
    return answer(200, gzip.compress(bytes(megabytes * 1024 * 1024), 9), content_encoding="gzip")


def in_turn(*routes: Route) -> Route:
    """Each request gets the next route; the last one stays."""
    left = list(routes)

    def serve(peer: Peer, request: Received) -> None:
        route = left.pop(0) if len(left) > 1 else left[0]
        if callable(route):
            route(peer, request)
        else:
            peer.send(route)

    return serve


class ChangingNames(BaseResolver):
    """A DNS zone without lifetime: every question takes the next answer of its name, the last one stays."""

    def __init__(self, names: Mapping[str, list[list[str]]]) -> None:
        self._answers = {name: list(answers) for name, answers in names.items()}
        self.questions: list[str] = []

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        name, reply = str(request.q.qname).rstrip("."), request.reply()
        self.questions.append(name)
        answers = self._answers.get(name, [[]])
        for text in answers.pop(0) if len(answers) > 1 else answers[0]:
            kind = AAAA if ":" in text else A
            reply.add_answer(RR(request.q.qname, getattr(QTYPE, kind.__name__), rdata=kind(text), ttl=0))
        return reply


class NameServer:
    """A real DNS server on loopback, and a resolver that asks it afresh every time."""

    def __init__(self, names: Mapping[str, list[list[str]]]) -> None:
        self.zone = ChangingNames(names)
        self._server = DNSServer(self.zone, address="127.0.0.1", port=0)

    def __enter__(self) -> Self:
        self._server.start_thread()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._server.server.server_close()

    def resolve(self, host: str, deadline: Deadline) -> list[Address]:
        port = self._server.server.server_address[1]
        reply = DNSRecord.parse(DNSRecord.question(host, "A").send("127.0.0.1", port, timeout=deadline.remaining()))
        addresses: list[Address] = [ipaddress.ip_address(str(record.rdata)) for record in reply.rr]
        if not addresses:
            raise NameNotFound(host)
        return addresses


def names(table: Mapping[str, list[str]]) -> Callable[[str, Deadline], list[Address]]:
    """A resolver that knows just these names."""

    def resolve(host: str, deadline: Deadline) -> list[Address]:
        if host not in table:
            raise NameNotFound(host)
        return [ipaddress.ip_address(text) for text in table[host]]

    return resolve


class Authority:
    """A certificate authority nobody trusts unless told to."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = self._issue(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self._certificate.public_bytes(serialization.Encoding.PEM).decode())

    def server(self, name: str, folder: Path, *, days: int = 1) -> ssl.SSLContext:
        """What a server needs to prove that it is `name`; with negative days, that it was."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._issue(subject, key, x509.SubjectAlternativeName([x509.DNSName(name)]), days=days)
        file = folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _issue(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType, days: int = 1
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
