"""One reading of a URL. What this parser answers is what is looked up, checked, connected to and sent.

Programs disagree about strange URLs, and attackers live in the gap. So a URL that could be read in two ways is
refused, not repaired: no user info, no white space, no backslashes, no percent signs or look-alike letters in the
host, and an IPv4 address only as four plain decimal numbers.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

MAX_URL_LENGTH = 8192
DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlRefused(ValueError):
    """`reason` is a short word for counters and audit; `is_attack` tells a trick from a slip."""

    def __init__(self, message: str, reason: str = "url", *, is_attack: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.is_attack = is_attack


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `host` is lower-case ASCII without brackets or a final dot; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str
    address: IPv4Address | IPv6Address | None = None

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        return self.origin + self.path


def parse(url: str) -> Target:
    _refuse_odd_characters(url)
    scheme, separator, rest = url.partition(":")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise UrlRefused("The URL must be absolute: https://host/path", is_attack=False)
    scheme = scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise UrlRefused("Only http and https URLs can be requested", "scheme")
    match = re.fullmatch(r"//([^/?#]*)([^#]*)(?:#.*)?", rest)
    if match is None:
        raise UrlRefused("The URL must have // and a host after its scheme")
    host, port, address = _parse_authority(match[1])
    return Target(scheme, host, port or DEFAULT_PORTS[scheme], _encode_path(match[2]), address)


def join(base: Target, location: str) -> Target:
    """Where a redirect leads: the joined text goes through the same parser as any URL."""
    _refuse_odd_characters(location)
    try:
        return parse(urljoin(base.url, location))
    except UrlRefused:
        raise
    except ValueError:
        raise UrlRefused("The redirect leads to a malformed URL") from None


def without_secrets(url: str) -> str:
    """The origin of a URL, fit for an audit entry: paths, queries and user info may hold tokens."""
    try:
        return parse(url).origin
    except UrlRefused:
        scheme, separator, rest = url[:MAX_URL_LENGTH].partition("://")
        authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
        return ascii(f"{scheme}{separator}{authority}"[:200])[1:-1] if separator else "(not a URL)"


def _refuse_odd_characters(url: str) -> None:
    if len(url) > MAX_URL_LENGTH:
        raise UrlRefused(f"The URL is longer than {MAX_URL_LENGTH} characters", is_attack=False)
    if re.search(r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]", url):
        raise UrlRefused("The URL contains white space or control characters; encode them")
    if "\\" in url:
        raise UrlRefused("The URL contains a backslash; write / or %5C")


def _parse_authority(authority: str) -> tuple[str, int | None, IPv4Address | IPv6Address | None]:
    if "@" in authority:
        raise UrlRefused("The URL must not contain a user name or password; use the Authorization header", "userinfo")
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^\[\]:]*))(?::([0-9]{1,5}))?", authority)
    if match is None:
        raise UrlRefused("The host of the URL is malformed")
    port = int(match[3]) if match[3] else None
    if port is not None and not 1 <= port <= 65535:
        raise UrlRefused("The port of the URL is out of range")
    if match[1] is not None:
        address = _parse_ipv6(match[1])
        return str(address), port, address
    host = _parse_host(match[2])
    return host, port, _parse_ipv4(host)


def _parse_ipv6(text: str) -> IPv6Address:
    try:
        if "%" in text:
            raise ValueError("a zone id")
        return IPv6Address(text)
    except ValueError:
        raise UrlRefused("The IPv6 address of the URL is malformed") from None


def _parse_host(text: str) -> str:
    host = text.lower().removesuffix(".")
    if not host.isascii():
        host = _encode_unicode_host(host)
    labels = host.split(".")
    if len(host) > 253 or not all(re.fullmatch(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels):
        raise UrlRefused("The host of the URL is malformed")
    return host


def _encode_unicode_host(host: str) -> str:
    """An international name in its ASCII form. A name that is not already in normal form is a disguise or a slip."""
    if len(host) > 253 or unicodedata.normalize("NFKC", host) != host or re.search("[ß\u03c2\u200c\u200d。]", host):
        raise UrlRefused("The host of the URL contains ambiguous characters; write it in its xn-- form")
    try:
        encoded = host.encode("idna")
        if encoded.decode("idna") == host:
            return encoded.decode("ascii")
    except UnicodeError:
        pass
    raise UrlRefused("The host of the URL is malformed")


def _parse_ipv4(host: str) -> IPv4Address | None:
    """Some systems read a host whose last part is a number as an address: 127.1, 0x7f.1, 2130706433, 0177.0.0.1."""
    if not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError:
        raise UrlRefused("Write an IPv4 address as four decimal numbers: 203.0.113.7") from None


def _encode_path(text: str) -> str:
    path = text if text.startswith("/") else "/" + text
    return quote(path, safe="%/:?#[]@!$&'()*+,;=-._~|")
