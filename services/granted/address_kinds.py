"""What kind of place an address or a name is: public, or closed and why. Tables of the registries, no opinion."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# A cloud machine's credentials live behind these. 168.63.129.16 is in public space, so no range below covers it.
METADATA_ADDRESSES = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "169.254.169.253",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.0.23",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::253",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
        ),
    )
)
METADATA_NAMES = frozenset(
    {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.azure.internal",
        "metadata.tencentyun.com",
        "metadata.platformequinix.com",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
# Names that mean this machine or this site wherever they are asked for.
LOCAL_SUFFIXES = (
    *(".localhost", ".localdomain", ".local", ".internal", ".intranet", ".corp"),
    *(".home", ".lan", ".home.arpa", ".svc"),
)

CLOSED_RANGES: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "reserved"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "embedded"),
        ("::ffff:0:0/96", "embedded"),
        ("::ffff:0:0:0/96", "embedded"),
        ("64:ff9b::/96", "embedded"),
        ("64:ff9b:1::/48", "embedded"),
        ("2002::/16", "embedded"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("3fff::/20", "reserved"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")


def closed_because(address: Address) -> str | None:
    """The kind of closed address this is, or None for an ordinary public one."""
    if address in METADATA_ADDRESSES:
        return "metadata"
    for network, reason in CLOSED_RANGES:
        if address in network:
            return reason
    if isinstance(address, IPv6Address) and (address not in GLOBAL_UNICAST_V6 or _isatap(address) is not None):
        return "reserved"
    return None


def is_local_name(host: str) -> bool:
    return "." not in host or host in METADATA_NAMES or host.endswith(LOCAL_SUFFIXES)


def faces(address: Address) -> Iterable[Address]:
    """The address, and every IPv4 address a translator or tunnel on the way could turn it into."""
    yield address
    if isinstance(address, IPv6Address):
        yield from filter(None, (address.ipv4_mapped, address.sixtofour, _last_32_bits(address), _isatap(address)))
        yield from address.teredo or ()


def _last_32_bits(address: IPv6Address) -> IPv4Address | None:
    embeds = closed_because(address) == "embedded" and address not in IPv6Network("2002::/16")
    return IPv4Address(int(address) & 0xFFFFFFFF) if embeds else None


def _isatap(address: IPv6Address) -> IPv4Address | None:
    marker = (int(address) >> 32) & 0xFDFFFFFF
    return IPv4Address(int(address) & 0xFFFFFFFF) if marker == 0x00005EFE else None
