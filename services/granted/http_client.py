"""sdk.http, seen from the host: one tenant's requests to the outside world.

Every hop of every request takes the same path: parse, ask the policy about the name, resolve once, ask the policy
about every address, connect to exactly one of those addresses. There is no other way out, and no proxy, cookie jar,
netrc file or environment variable has a say. One deadline covers all of it: DNS, TLS, redirects, retries and bodies.
"""

import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn

from runtime.errors import HostError, clipped
from runtime.host import current_call
from services.granted.address_kinds import Address
from services.granted.addresses import REASONS, HttpPolicy
from services.granted.deadline import Deadline, RunningCall, TimeUp
from services.granted.http_connections import Broken, Connection, Head, IdleConnections, Stale
from services.granted.http_content import TooLarge, read_whole
from services.granted.http_names import NameNotFound, Resolve, resolve
from services.granted.http_requests import METHODS, Request, checked_headers
from services.granted.http_sockets import Channel, trusted_tls
from services.granted.http_urls import Target, UrlRefused, parse, without_secrets

MAX_ADDRESSES_TRIED = 4
FIRST_BACKOFF_SECONDS = 0.2
JITTER = 0.25


@dataclass(frozen=True, slots=True)
class HttpLimits:
    seconds: float = 10.0
    response_bytes: int = 10 * 1024 * 1024
    request_bytes: int = 1024 * 1024
    redirects: int = 5
    retries: int = 2


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass
class HttpTransport:
    """What all clients of a process share: the resolver, the trusted authorities and the idle connections."""

    resolve: Resolve = resolve
    tls: ssl.SSLContext = field(default_factory=trusted_tls)
    idle: IdleConnections = field(default_factory=IdleConnections)

    def close(self) -> None:
        self.idle.close()


def ignore_block(url: str, reason: str) -> None:
    """For callers that do not count blocked requests."""


@dataclass
class HttpClient:
    """The requests of one owner, usually a tenant. Idle connections are shared only within owner and policy.

    `on_blocked(url, reason)` is told about every refused request; the URL is cut down to its origin.
    """

    transport: HttpTransport
    policy: HttpPolicy
    owner: str = ""
    limits: HttpLimits = HttpLimits()
    on_blocked: Callable[[str, str], None] = ignore_block
    running_call: Callable[[], RunningCall | None] = current_call

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        redirects: int | None = None,
    ) -> HttpAnswer:
        """The answer, whatever its status. `timeout` is in seconds; the three numbers can only lower the limits.

        `redirects=0` hands a redirect back as the answer. Raises HostError with one of the HTTP_ codes.
        """
        seconds = _within(timeout, self.limits.seconds, "timeout")
        tries = _Tries(int(_within(retries, self.limits.retries, "retries")))
        hops = int(_within(redirects, self.limits.redirects, "redirects"))
        deadline = Deadline.of_call(seconds, self.running_call())
        try:
            return self._follow(self._prepare(method, url, headers or {}, body), hops, tries, deadline)
        except TimeUp:
            raise HostError("HTTP_TIMEOUT", f"No complete answer within {seconds:g} seconds", retryable=True) from None
        except TooLarge:
            raise HostError("HTTP_TOO_LARGE", f"The answer is larger than {self.limits.response_bytes} bytes") from None
        except UrlRefused as refused:
            self._refuse_url(url, refused)

    def _prepare(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Request:
        if method not in METHODS:
            raise HostError("INVALID_INPUT", f"Not a method: {clipped(method, 20)!r}")
        if body is not None and len(body) > self.limits.request_bytes:
            raise HostError("HTTP_TOO_LARGE", f"The request body is larger than {self.limits.request_bytes} bytes")
        return Request(method, parse(url), checked_headers(headers), body)

    def _follow(self, request: Request, hops: int, tries: "_Tries", deadline: Deadline) -> HttpAnswer:
        for _ in range(hops + 1):
            head, body = self._persist(request, tries, deadline)
            onward = self._redirected(request, head) if hops else None
            if onward is None:
                return HttpAnswer(head.status, _joined(head), body, request.target.url)
            request = onward
        raise HostError("HTTP_FAILED", f"The server redirects more than {hops} times", retryable=False)

    def _redirected(self, request: Request, head: Head) -> Request | None:
        try:
            return request.redirected(head)
        except UrlRefused as refused:
            self._block(without_secrets(head.first("location") or ""), refused.reason, f"A redirect: {refused}")

    def _persist(self, request: Request, tries: "_Tries", deadline: Deadline) -> tuple[Head, bytes]:
        """Send the request, and again while that is safe, promising and there is time."""
        while True:
            try:
                head, body = self._send(request, deadline)
            except Broken as broken:
                wait = tries.wait_after_failure(request)
                if wait is None or not deadline.allows(wait):
                    raise HostError("HTTP_FAILED", str(broken), retryable=True) from None
            else:
                wait = tries.wait_after_answer(request, head)
                if wait is None or not deadline.allows(wait):
                    return head, body
            deadline.sleep(wait)

    def _send(self, request: Request, deadline: Deadline) -> tuple[Head, bytes]:
        self._check(request.target, self.policy.refuse_name(request.target))
        kept = self.transport.idle.take(self._key(request.target))
        if kept is not None:
            try:
                return self._converse(kept, request, deadline)
            except Stale:
                if not request.is_safe:
                    raise
        return self._converse(self._connect(request.target, deadline), request, deadline)

    def _converse(self, connection: Connection, request: Request, deadline: Deadline) -> tuple[Head, bytes]:
        is_reusable = False
        try:
            connection.send(request.on_wire(), request.body or b"", deadline)
            head = connection.read_head(deadline)
            chunks = connection.read_body(deadline)
            has_body = request.method != "HEAD" and head.status not in (204, 304)
            body = read_whole(head, chunks, self.limits.response_bytes) if has_body else b"".join(chunks)
            is_reusable = connection.start_over()
            return head, body
        finally:
            if is_reusable:
                self.transport.idle.keep(self._key(request.target), connection)
            else:
                connection.close()

    def _connect(self, target: Target, deadline: Deadline) -> Connection:
        addresses = self._checked_addresses(target, deadline)[:MAX_ADDRESSES_TRIED]
        for left in range(len(addresses), 0, -1):
            try:
                channel = Channel.connect(addresses[-left], target.port, deadline.share(left))
                break
            except (OSError, TimeUp):
                deadline.remaining()
        else:
            raise Broken(f"No connection to {target.authority}")
        return Connection(self._secured(channel, target, deadline) if target.scheme == "https" else channel)

    def _secured(self, channel: Channel, target: Target, deadline: Deadline) -> Channel:
        try:
            return channel.secure(self.transport.tls, target.host, deadline)
        except ssl.SSLCertVerificationError as error:
            raise HostError(
                "HTTP_FAILED",
                f"The certificate of {target.authority} is not trusted: {error.verify_message}",
                retryable=False,
            ) from None
        except (OSError, ValueError):  # ValueError: a name TLS cannot carry
            raise Broken(f"No TLS connection to {target.authority}") from None

    def _checked_addresses(self, target: Target, deadline: Deadline) -> list[Address]:
        """All addresses of the target. One that is closed closes them all: such a name is not to be trusted."""
        try:
            addresses = [target.address] if target.address else self.transport.resolve(target.host, deadline)
        except NameNotFound:
            raise Broken(f"The name {target.host} could not be resolved") from None
        for address in addresses:
            self._check(target, self.policy.refuse_address(target, address))
        return addresses

    def _check(self, target: Target, reason: str | None) -> None:
        if reason is not None:
            self._block(target.origin, reason, f"Requests to {target.authority} are blocked: {REASONS[reason]}")

    def _refuse_url(self, url: str, refused: UrlRefused) -> NoReturn:
        if not refused.is_attack:
            raise HostError("INVALID_INPUT", str(refused))
        self._block(without_secrets(url), refused.reason, str(refused))

    def _block(self, origin: str, reason: str, message: str) -> NoReturn:
        self.on_blocked(origin, reason)
        raise HostError("HTTP_BLOCKED", message, details={"reason": reason}) from None

    def _key(self, target: Target) -> tuple[str, HttpPolicy, str]:
        return self.owner, self.policy, target.origin


class _Tries:
    """How often one call, over all its redirects, may still be sent again, and after how long."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._made = 0

    def wait_after_failure(self, request: Request) -> float | None:
        return self._next_wait() if request.is_safe else None

    def wait_after_answer(self, request: Request, head: Head) -> float | None:
        """429 and 503 say "not now": nothing was done, so even an unsafe request may be sent again.

        Only a 503 without Retry-After leaves open how far the server got.
        """
        asked = _retry_after(head)
        if head.status == 429 or (head.status == 503 and (request.is_safe or asked is not None)):
            wait = self._next_wait()
            return wait if wait is None else max(wait, asked or 0.0)
        return None

    def _next_wait(self) -> float | None:
        if self._made >= self._retries:
            return None
        self._made += 1
        return FIRST_BACKOFF_SECONDS * 2 ** (self._made - 1) * (1 + random.uniform(0, JITTER))  # noqa: S311  (spread, no secret)


def _retry_after(head: Head) -> float | None:
    value = (head.first("retry-after") or "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _within(asked: float | None, limit: float, name: str) -> float:
    if asked is None:
        return limit
    least = 0 if name != "timeout" else 0.001
    if not least <= asked <= limit:
        raise HostError("INVALID_INPUT", f"{name} must be between {least:g} and {limit:g}")
    return asked


def _joined(head: Head) -> dict[str, str]:
    """One value for each name. Repeated headers are joined with a comma; cookies, which contain commas, by lines."""
    return {name: ("\n" if name == "set-cookie" else ", ").join(head.values(name)) for name, _ in head.headers}
