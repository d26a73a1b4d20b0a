"""Where our requests may go: the pure judgement of addresses and ports.

An address is judged after every look-up, when a socket is made for it, and when it has answered.
"""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from shared.errors import Permanent

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORT_MAX = 65_535
USUAL_PORTS = frozenset({80, 443})

IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")  # all of the public internet lies in here
NETWORKS_DENIED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and the metadata service of one cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # looks public, answered by the hypervisor of one cloud
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64: leads to any IPv4 address
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4: leads to any IPv4 address
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


@dataclass(frozen=True, slots=True)
class Opening:
    """One entry of the allow-list: a network, at one port or (None) at every port."""

    network: Network
    port: int | None

    def covers(self, address: Address | None, port: int) -> bool:
        """Say whether this entry opens that address and port."""
        return address is not None and self.port in (None, port) and address in self.network


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be asked: public addresses at the usual ports, and the openings that were set explicitly."""

    openings: tuple[Opening, ...] = ()
    ports: frozenset[int] = USUAL_PORTS

    @classmethod
    def parse(cls, allow: str = "", ports: str = "") -> "Allowance":
        """Read DARKROOM_FETCH_ALLOW (`127.0.0.1/32,10.0.0.0/8:8080,[::1/128]:80`) and DARKROOM_FETCH_PORTS (`80,443`).

        An empty text means the default; ValueError names the entry that cannot be read.
        """
        openings = tuple(_parse_opening(entry.strip()) for entry in allow.split(",") if entry.strip())
        numbers = frozenset(_parse_port(entry.strip()) for entry in ports.split(",") if entry.strip())
        return cls(openings, numbers or USUAL_PORTS)

    def judge(self, address: str, port: int) -> None:
        """Raise Permanent(address_forbidden) unless this address may be asked at this port."""
        if self.openings and self._is_opened(address, port):
            return
        fault = why_not_public(address)
        if fault is not None:
            raise Permanent("address_forbidden", f"The URL leads to an address that {fault}.")
        self._judge_port(port)

    def judge_port_of_name(self, port: int) -> None:
        """Refuse a port before the name is looked up, unless some opening might turn out to cover it."""
        if not any(opening.port in (None, port) for opening in self.openings):
            self._judge_port(port)

    def _is_opened(self, address: str, port: int) -> bool:
        unwrapped = unwrap(address)
        return any(opening.covers(unwrapped, port) for opening in self.openings)

    def _judge_port(self, port: int) -> None:
        if port not in self.ports:
            usual = ", ".join(str(number) for number in sorted(self.ports))
            raise Permanent("address_forbidden", f"Port {port} may not be asked; allowed are {usual}.")


@lru_cache(maxsize=4_096)
def why_not_public(address: str) -> str | None:
    """Say why an address is not part of the public internet (the end of a sentence), or None if it is."""
    unwrapped = unwrap(address)
    if unwrapped is None:
        return "cannot be read"
    if any(unwrapped in network for network in NETWORKS_DENIED):
        return "is private, local or reserved"
    if not unwrapped.is_global or unwrapped.is_multicast or unwrapped.is_reserved:
        return "is not on the public internet"
    if unwrapped.version == 6 and unwrapped not in IPV6_UNICAST:
        return "is not a unicast address"
    return None


@lru_cache(maxsize=4_096)
def unwrap(address: str) -> Address | None:
    """Read an address; one that carries an IPv4 address inside (::ffff:…) counts as that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _parse_opening(entry: str) -> Opening:
    """Read one entry of the allow-list: `network`, `network:port`, `[IPv6 network]:port`."""
    network, port = entry, ""
    if entry.startswith("["):
        network, _, port = entry[1:].partition("]")
        port = port.removeprefix(":")
    elif entry.count(":") == 1:
        network, _, port = entry.partition(":")
    try:
        return Opening(ipaddress.ip_network(network, strict=False), _parse_port(port) if port else None)
    except ValueError as error:
        raise ValueError(f"Not a network with an optional port: {entry!r} ({error})") from error


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= PORT_MAX):
        raise ValueError(f"Not a port: {text!r}")
    return int(text)
