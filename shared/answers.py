"""What an HTTP answer is worth: its head is judged, its body counted and hashed on the way into a file."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from shared.errors import Permanent, Problem, Transient

ANSWERS_WITH_A_BODY = frozenset({200, 203})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LATER_STATUSES = frozenset({408, 425})  # besides 429 the only 4xx that a repeat can help
PAUSE_SECONDS_MIN = 1.0
PAUSE_SECONDS_MAX = 3_600.0
HEADER_CHARACTERS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Saved:
    """A body in a file."""

    bytes: int
    digest: str  # SHA-256, hexadecimal


def check_head(headers: Mapping[str, str], bytes_max: int) -> None:
    """Raise Permanent for a body that is encoded or says itself that it is too large."""
    for name, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
        encoding = headers.get(name, "").strip().lower()
        if encoding not in ("", plain):
            raise Permanent("encoding_unsupported", f"The host sent the body encoded, though asked not to ({name}).")
    length = headers.get("Content-Length", "0")
    if length.isascii() and length.isdigit() and int(length) > bytes_max:
        raise _too_large(bytes_max)


async def save(chunks: AsyncIterator[bytes], into: Path, bytes_max: int) -> Saved:
    """Write a body to a file, counting what really comes; on any failure there is no file.

    Raises Permanent(too_large, empty_body). Writes on the loop: into the page cache, a thread would cost more.
    """
    hashed, size = hashlib.sha256(), 0
    try:
        with into.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > bytes_max:
                    raise _too_large(bytes_max)
                hashed.update(chunk)
                file.write(chunk)
        if size == 0:
            raise Permanent("empty_body", "The host sent an empty body.")
    except BaseException:
        _remove(into)
        raise
    return Saved(size, hashed.hexdigest())


def refusal(status: int, retry_after_seconds: float | None) -> Problem:
    """Name the failure that a status without a usable body stands for."""
    if status == 429:
        return Transient("rate_limited", "The host answered 429.", retry_after_seconds=retry_after_seconds)
    if status in (204, 205):
        return Permanent("empty_body", f"The host answered {status}, without a body.")
    if status >= 500 or status in LATER_STATUSES:
        return Transient(f"http_{status}", f"The host answered {status}.", retry_after_seconds=retry_after_seconds)
    return Permanent(f"http_{status}", f"The host answered {status}.")


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Read a Retry-After header: seconds, or a date against the Unix time `now`; clamped to 1 s .. 1 h.

    None if there is none that can be read.
    """
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:10])
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, PAUSE_SECONDS_MIN), PAUSE_SECONDS_MAX)


def keep_header(value: str | None) -> str | None:
    """Shorten a header to what may be stored anywhere: printable ASCII, of bounded length."""
    if value is None:
        return None
    return value.encode("ascii", "backslashreplace").decode("ascii")[:HEADER_CHARACTERS_KEPT]


def _remove(file: Path) -> None:
    with suppress(FileNotFoundError):
        file.unlink()


def _too_large(bytes_max: int) -> Permanent:
    return Permanent("too_large", f"The body is larger than {bytes_max} bytes.")
