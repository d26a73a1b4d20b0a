"""URLs that strangers name, read strictly.

They are read by one parser only (yarl, the one that the HTTP client uses), after checks that leave it nothing to
interpret: parsers disagree about odd URLs, and so a judge and a connection could mean different hosts.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from yarl import URL

from shared.addresses import PORT_MAX, Allowance, unwrap
from shared.errors import Permanent

URL_CHARACTERS_MAX = 2_048
HOST_CHARACTERS_MAX = 253

_SHAPE = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>(?:[/?#].*)?)", re.IGNORECASE | re.DOTALL)
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")
_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_LOOKALIKE_DOTS = re.compile("[\u3002\uff0e\uff61]")
_ENCODED_ALREADY = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a URL asks."""

    prefix: str  # `scheme://authority` as it will be sent
    host: str
    port: int
    is_address: bool


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


def validate_url(url: str, allowance: Allowance | None = None) -> None:
    """Raise Permanent(url_invalid or address_forbidden) for a URL that could never be asked.

    Without an allowance only the form is judged; with one also its port and an address written as such. What a name
    leads to is judged when it is looked up.
    """
    target = parse_url(url)
    if allowance is not None:
        judge_target(target, allowance)


def parse_url(text: str) -> Target:
    """Read a URL strictly; Permanent(url_invalid) says which rule it breaks."""
    _check_characters(text)
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise _invalid("must start with http:// or https://")
    origin = _parse_origin(shape["scheme"].lower(), shape["authority"])
    rest = shape["rest"]
    # What is encoded already goes out byte for byte, as signatures may cover it.
    url = URL(origin.prefix + rest, encoded=_ENCODED_ALREADY.fullmatch(rest) is not None)
    return Target(url, origin.host, origin.port, origin.is_address)


def parse_redirect(current: URL, location: str) -> Target:
    """Read a Location header relative to the URL that sent it; Permanent(redirect_invalid) says what is wrong."""
    try:
        _check_characters(location)
        if _HAS_SCHEME.match(location):
            return parse_url(location)
        return parse_url(str(current.join(URL(location, encoded=_ENCODED_ALREADY.fullmatch(location) is not None))))
    except ValueError:
        raise Permanent("redirect_invalid", "The URL that the host redirects to cannot be parsed.") from None
    except Permanent as refusal:
        raise Permanent("redirect_invalid", f"The host redirects to a bad URL. {refusal.detail}") from None


def judge_target(target: Target, allowance: Allowance) -> None:
    """Refuse what can be refused before any look-up: closed ports, and addresses written as such."""
    if target.is_address:
        allowance.judge(target.host, target.port)
    else:
        allowance.judge_port_of_name(target.port)


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


@lru_cache(maxsize=4_096)
def _parse_origin(scheme: str, authority: str) -> Origin:
    """Read the part of a URL that says whom to ask."""
    _check_authority(authority)
    try:
        url = URL(f"{scheme}://{authority}")
        host, port = url.raw_host or "", url.port or 0
    except ValueError:
        raise _invalid("has a host that cannot be read") from None
    host = host.removesuffix(".")
    return Origin(f"{scheme}://{url.raw_authority}", host, port, _is_address(host))


def _is_address(host: str) -> bool:
    """Say whether a host is an address, refusing every spelling that only some readers take for one."""
    if ":" in host:
        if unwrap(host) is None:
            raise _invalid("has an IPv6 address that cannot be read")
        return True
    labels = host.split(".")
    if len(host) > HOST_CHARACTERS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("has a host name that is malformed")
    if not _NUMERIC_LABEL.fullmatch(labels[-1]):
        return False
    if unwrap(host) is None:
        raise _invalid("has a numeric host that is not an address in its usual form")
    return True
