"""Where a script's HTTP request may go. Pure: no sockets, no DNS, only names, addresses and lists.

Public addresses on the standard ports are open. Everything else is closed and stays closed unless the operator's
allow list opens it. A tenant's own list can only narrow. The block list always wins. `docs/decisions.md` has the why.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Protocol

from services.granted.address_kinds import (
    METADATA_ADDRESSES,
    METADATA_NAMES,
    Address,
    Network,
    closed_because,
    faces,
    is_local_name,
)
from services.granted.http_urls import Target

STANDARD_PORTS = frozenset({80, 443, 8080, 8443})
ANY_PORT = 0

# What a rule that names a host may open. The rest needs a rule that names the network.
OPENED_BY_NAME = frozenset({"private", "loopback", "carrier"})

REASONS = {
    "unspecified": "an unspecified address",
    "reserved": "a reserved address",
    "private": "a private address",
    "carrier": "a carrier-grade NAT address",
    "loopback": "this machine itself",
    "link-local": "a link-local address",
    "multicast": "a multicast address",
    "embedded": "an IPv4 address hidden in an IPv6 one",
    "metadata": "a cloud metadata service",
    "local-name": "a name of the local network",
    "port": "a port that is not open to scripts",
    "operator": "blocked by the operator",
    "tenant": "not in this workspace's list of allowed hosts",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of a list: a host, `*.domain`, `*` for every host, or a network; with a port, `*` for any, or none."""

    host: str | None = None
    network: Network | None = None
    port: int | None = None

    def names(self, host: str) -> bool:
        if self.host is None:
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return self.host in ("*", host)

    def holds(self, address: Address) -> bool:
        return self.network is not None and address in self.network

    def has_port(self, port: int) -> bool:
        """Whether a rule that opens something opens this port, too."""
        return port in STANDARD_PORTS if self.port is None else self.port in (ANY_PORT, port)

    def closes_port(self, port: int) -> bool:
        """Whether a rule that closes something closes this port; one without a port closes them all."""
        return self.port in (None, ANY_PORT, port)


class HttpSettings(Protocol):
    @property
    def script_http_allow(self) -> Iterable[str]: ...
    @property
    def script_http_block(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """What one tenant's scripts may connect to. Equal policies are interchangeable."""

    allow: tuple[Rule, ...] = ()
    block: tuple[Rule, ...] = ()
    tenant_allow: tuple[Rule, ...] | None = None

    @classmethod
    def from_lists(
        cls, allow: Iterable[str] = (), block: Iterable[str] = (), tenant_allow: Iterable[str] | None = None
    ) -> "HttpPolicy":
        return cls(
            allow=parse_rules(allow, every_host=False),
            block=parse_rules(block),
            tenant_allow=None if tenant_allow is None else parse_rules(tenant_allow, every_host=False),
        )

    @classmethod
    def from_settings(cls, settings: HttpSettings, tenant_allow: Iterable[str] | None = None) -> "HttpPolicy":
        return cls.from_lists(settings.script_http_allow, settings.script_http_block, tenant_allow)

    def refuse_name(self, target: Target) -> str | None:
        """Why this target is out of the question before anybody asks DNS for it, or None."""
        if any(rule.names(target.host) and rule.closes_port(target.port) for rule in self._named_blocks()):
            return "operator"
        if not self._port_may_open(target):
            return "port"
        if target.address is None and is_local_name(target.host) and not self._name_may_open(target):
            return "metadata" if target.host in METADATA_NAMES else "local-name"
        if not _may_match(self.tenant_allow, target):
            return "tenant"
        return None

    def refuse_address(self, target: Target, address: Address) -> str | None:
        """Why this target must not be reached at this address, or None. Asked for every address DNS gave."""
        for face in faces(address):
            reason = self._refuse_face(target, face)
            if reason is not None:
                return reason
        return None

    def _refuse_face(self, target: Target, address: Address) -> str | None:
        if any(rule.holds(address) and rule.closes_port(target.port) for rule in self.block):
            return "operator"
        opened = any(_opens(rule, target, address) for rule in self.allow)
        closed = _closed_because(target, address)
        if closed is not None and not opened:
            return closed
        if target.port not in STANDARD_PORTS and not opened:
            return "port"
        if self._is_closed_by_default and not opened:
            return "operator"
        if self.tenant_allow is not None and not any(_covers(rule, target, address) for rule in self.tenant_allow):
            return "tenant"
        return None

    @property
    def _is_closed_by_default(self) -> bool:
        return any(rule.host == "*" and rule.closes_port(ANY_PORT) for rule in self.block)

    def _named_blocks(self) -> Iterable[Rule]:
        """`*` in the block list means "only what the allow list names", so it is no match by itself."""
        return (rule for rule in self.block if rule.host != "*" or rule.port not in (None, ANY_PORT))

    def _port_may_open(self, target: Target) -> bool:
        return target.port in STANDARD_PORTS or any(
            rule.has_port(target.port) and (rule.network is not None or rule.names(target.host)) for rule in self.allow
        )

    def _name_may_open(self, target: Target) -> bool:
        """A local name is worth a look-up when a rule could open it, a metadata name when one opens its address."""
        if target.host in METADATA_NAMES:
            return any(_is_single(rule.network) and any(map(rule.holds, METADATA_ADDRESSES)) for rule in self.allow)
        return any(rule.network is not None or rule.names(target.host) for rule in self.allow)


def parse_rules(entries: Iterable[str], *, every_host: bool = True) -> tuple[Rule, ...]:
    """The entries as rules; ValueError names the first that is not one. A text is split at commas and spaces."""
    if isinstance(entries, str):
        entries = re.split(r"[,\s]+", entries)
    rules = tuple(parse_rule(entry) for entry in entries if entry)
    if not every_host and any(rule.host == "*" for rule in rules):
        raise ValueError("'*' is only for a block list: an allow list names hosts and networks")
    return rules


def parse_rule(entry: str) -> Rule:
    match = _ENTRY.fullmatch(entry.strip().lower())
    if match is None:
        raise ValueError(f"not a host, *.domain, address or network: {entry!r}")
    what, port = match["bracketed"] or match["plain"], _port(entry, match["port"])
    if "/" in what or ":" in what or re.fullmatch(r"[\d.]+", what):
        return Rule(network=_network(entry, what), port=port)
    if not _HOST_PATTERN.fullmatch(what):
        raise ValueError(f"not a host, *.domain, address or network: {entry!r}")
    return Rule(host=what, port=port)


_ENTRY = re.compile(
    r"(?:\[(?P<bracketed>[0-9a-f]*:[0-9a-f:.]*(?:/\d+)?)\]|(?P<plain>[^\[\]:]+|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*(?:/\d+)?))"
    r"(?::(?P<port>\d{1,5}|\*))?"
)
_HOST_PATTERN = re.compile(r"\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")


def _port(entry: str, text: str | None) -> int | None:
    if text is None:
        return None
    port = ANY_PORT if text == "*" else int(text)
    if text != "*" and not 1 <= port <= 65535:
        raise ValueError(f"not a port: {entry!r}")
    return port


def _network(entry: str, text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"not a network: {entry!r} ({error})") from None


def _closed_because(target: Target, address: Address) -> str | None:
    return "metadata" if target.host in METADATA_NAMES else closed_because(address)


def _opens(rule: Rule, target: Target, address: Address) -> bool:
    if not rule.has_port(target.port):
        return False
    reason = _closed_because(target, address)
    if reason == "metadata":
        return _is_single(rule.network) and rule.holds(address)
    return rule.holds(address) or (rule.names(target.host) and (reason is None or reason in OPENED_BY_NAME))


def _covers(rule: Rule, target: Target, address: Address) -> bool:
    """Whether a tenant's rule covers the target; one without a port covers every port the operator left open."""
    return (rule.names(target.host) or rule.holds(address)) and rule.closes_port(target.port)


def _may_match(rules: tuple[Rule, ...] | None, target: Target) -> bool:
    return rules is None or any(
        (rule.network is not None or rule.names(target.host)) and rule.closes_port(target.port) for rule in rules
    )


def _is_single(network: Network | None) -> bool:
    return network is not None and network.prefixlen == network.max_prefixlen
