"""Where our requests may go: the pure judgement of URLs and addresses that strangers name.

A URL is read by one parser only (yarl, the one that the HTTP client uses), after checks that leave it nothing to
interpret. An address is judged after every look-up, when a socket is made for it, and when it has answered.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from yarl import URL

from shared.errors import Permanent

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

URL_CHARACTERS_MAX = 2_048
HOST_CHARACTERS_MAX = 253
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

_SHAPE = re.compile(r"https?://(?P<authority>[^/?#]*)(?:[/?#].*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_LOOKALIKE_DOTS = re.compile("[\u3002\uff0e\uff61]")
_ENCODED_ALREADY = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was read and found well formed; nothing is said yet about where it leads."""

    url: URL
    host: str  # ASCII, lower case, without brackets and final dot
    port: int
    is_address: bool

    @property
    def origin(self) -> str:
        """What politeness is counted by: one host at one port."""
        return f"{self.host}:{self.port}"


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

    def judge_target(self, target: Target) -> None:
        """Refuse what can be refused before any look-up: closed ports, and addresses written as such."""
        if target.is_address:
            self.judge(target.host, target.port)
        elif not any(opening.port in (None, target.port) for opening in self.openings):
            self._judge_port(target.port)

    def _is_opened(self, address: str, port: int) -> bool:
        unwrapped = _unwrap(address)
        return any(opening.covers(unwrapped, port) for opening in self.openings)

    def _judge_port(self, port: int) -> None:
        if port not in self.ports:
            usual = ", ".join(str(number) for number in sorted(self.ports))
            raise Permanent("address_forbidden", f"Port {port} may not be asked; allowed are {usual}.")


def validate_url(url: str, allowance: Allowance | None = None) -> None:
    """Raise Permanent(url_invalid or address_forbidden) for a URL that could never be asked.

    Without an allowance only the form is judged; with one also its port and an address written as such. What a name
    leads to is judged when it is looked up.
    """
    target = parse_url(url)
    if allowance is not None:
        allowance.judge_target(target)


def parse_url(text: str) -> Target:
    """Read a URL strictly; Permanent(url_invalid) says which rule it breaks."""
    _check_characters(text)
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise _invalid("must start with http:// or https://")
    _check_authority(shape["authority"])
    try:
        url = _read(text)
        host, port = url.raw_host or "", url.port or 0
    except ValueError as error:
        raise _invalid("cannot be parsed") from error
    host = host.removesuffix(".")
    return Target(url, host, port, is_address=_is_address(host))


def parse_redirect(current: URL, location: str) -> Target:
    """Read a Location header relative to the URL that sent it; Permanent(redirect_invalid) says what is wrong."""
    try:
        _check_characters(location)
        return parse_url(str(current.join(_read(location))))
    except ValueError as error:
        raise Permanent("redirect_invalid", "The URL that the host redirects to cannot be parsed.") from error
    except Permanent as refusal:
        raise Permanent("redirect_invalid", f"The host redirects to a bad URL. {refusal.detail}") from refusal


@lru_cache(maxsize=4_096)
def why_not_public(address: str) -> str | None:
    """Say why an address is not part of the public internet (the end of a sentence), or None if it is."""
    unwrapped = _unwrap(address)
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
def _unwrap(address: str) -> Address | None:
    """Read an address; one that carries an IPv4 address inside (::ffff:…) counts as that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _invalid(rule: str) -> Permanent:
    return Permanent("url_invalid", f"The URL {rule}.")


def _check_characters(text: str) -> None:
    if len(text) > URL_CHARACTERS_MAX:
        raise _invalid(f"is longer than {URL_CHARACTERS_MAX} characters")
    if _CONTROL_CHARACTERS.search(text):
        raise _invalid("contains control characters")
    if "\\" in text:
        raise _invalid("contains a backslash")
    if text != text.strip():
        raise _invalid("begins or ends with a space")


def _check_authority(authority: str) -> None:
    """Leave the parser nothing to guess about where the host begins and ends."""
    if "@" in authority:
        raise _invalid("contains a user name or password")
    if "%" in authority:
        raise _invalid("contains a percent sign in its host")
    if any(character.isspace() for character in authority):
        raise _invalid("contains a space in its host")
    if not authority.isascii():
        _check_international(authority)
    shape = _AUTHORITY.fullmatch(authority)
    if shape is None:
        raise _invalid("has no host, or one that is malformed")
    if shape["port"] is not None and not 1 <= int(shape["port"]) <= PORT_MAX:
        raise _invalid(f"has a port outside 1 to {PORT_MAX}")


def _check_international(authority: str) -> None:
    """Refuse characters that turn into other ones (full-width digits, other dots) on the way to a look-up."""
    composed = unicodedata.normalize("NFC", authority)
    if _LOOKALIKE_DOTS.search(authority) or unicodedata.normalize("NFKC", authority) != composed:
        raise _invalid("contains look-alike characters in its host")


def _read(text: str) -> URL:
    """Parse; a path and query that are encoded already go out byte for byte, as signatures may cover them."""
    url = URL(text)
    if not _ENCODED_ALREADY.fullmatch(text):
        return url
    exact = URL(text, encoded=True)
    if not url.absolute:
        return exact
    return URL.build(
        scheme=url.scheme,
        authority=url.raw_authority,
        path=exact.raw_path,
        query_string=exact.raw_query_string,
        encoded=True,
    )


def _is_address(host: str) -> bool:
    """Say whether a host is an address, refusing every spelling that only some readers take for one."""
    if ":" in host:
        if _unwrap(host) is None:
            raise _invalid("has an IPv6 address that cannot be read")
        return True
    labels = host.split(".")
    if len(host) > HOST_CHARACTERS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("has a host name that is malformed")
    if not _NUMERIC_LABEL.fullmatch(labels[-1]):
        return False
    if _unwrap(host) is None:
        raise _invalid("has a numeric host that is not an address in its usual form")
    return True


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
