"""File names that are safe on every system: inside archives, and in HTTP headers."""

import hashlib
import re
import unicodedata
from array import array
from pathlib import PurePosixPath
from urllib.parse import quote

NAME_BYTES_MAX = 120
UNNAMED = "unnamed"

_KEPT_PUNCTUATION = frozenset(" -_.")
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_IMAGE_EXTENSION = re.compile(r"\.(jpe?g|png|gif|webp|tiff?|bmp|avif|jxl|hei[cf])$", re.IGNORECASE)
# RFC 5987 attr-char without letters and digits
_HEADER_SAFE = "!#$&+-.^_`|~"


def safe_name(text: str, extension: str = "", *, suffix: str = "") -> str:
    """One plain path component of at most 120 UTF-8 bytes: `text`, then `suffix`, then `.extension`.

    Letters, digits, marks (NFC) and "-_. " stay, all else becomes "_"; text is cut, suffix and extension never are.
    """
    ending = suffix + (f".{extension.lstrip('.')}" if extension else "")
    stem = "".join(map(_kept, unicodedata.normalize("NFC", text.strip())))
    stem = stem.lstrip(" .").rstrip(" .")
    if stem.startswith("-"):  # a shell would read an option
        stem = "_" + stem[1:]
    stem = stem or UNNAMED
    if _DEVICE.fullmatch((stem + ending).partition(".")[0].rstrip()):
        stem = "_" + stem
    return _cut(stem, NAME_BYTES_MAX - len(ending.encode())).rstrip(" .") + ending


def stem_of(file_name: str) -> str:
    """The last component of a path from any system, without the extension of an image format."""
    return _IMAGE_EXTENSION.sub("", re.split(r"[/\\]", file_name)[-1])


def content_disposition(name: str, *, inline: bool = False) -> str:
    """Value of the Content-Disposition header (RFC 6266): an ASCII `filename`, and `filename*` when it says more."""
    clean = "".join("_" if character in '/\\"%' or not character.isprintable() else character for character in name)
    clean = unicodedata.normalize("NFC", clean)
    decomposed = unicodedata.normalize("NFKD", clean)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    ascii_only = "".join(character if character.isascii() and character not in '/\\"%;' else "_" for character in plain)
    value = f'{"inline" if inline else "attachment"}; filename="{ascii_only}"'
    return value if ascii_only == clean else f"{value}; filename*=UTF-8''{quote(clean, safe=_HEADER_SAFE)}"


class NameRegister:
    """Hands out names that differ in more than case, for file systems that ignore it: photo.jpg, photo_1.jpg, ...

    Keeps 12 bytes a slot and at least a third of the slots free: 24 MiB for a million names, 36 MiB while it grows.
    It stores digests of 64 bits, so that two different names may, once in many millions, be taken for the same: then
    one gets a number that it did not need.
    """

    def __init__(self) -> None:
        self._taken = 0
        self._resize(1 << 10)

    def claim(self, name: str) -> str:
        """The name itself if it is free, else the name with the next free number before its extension."""
        asked = _digest(name)
        number = self._counts[self._slot(asked)]
        if not number:
            self._set(asked, 1)
            return name
        while self._counts[self._slot(digest := _digest(claimed := _numbered(name, number)))]:
            number += 1
        self._set(asked, number + 1)
        self._set(digest, 1)
        return claimed

    def _set(self, digest: int, count: int) -> None:
        """Remember how often a name was asked for, which is also the number to try next."""
        slot = self._slot(digest)
        self._taken += not self._counts[slot]
        self._digests[slot] = digest
        self._counts[slot] = count
        if self._taken * 3 > self._size * 2:
            self._grow()

    def _slot(self, digest: int) -> int:
        """Where the digest stands, or the free slot where it belongs (linear probing)."""
        slot = digest % self._size
        while self._counts[slot] and self._digests[slot] != digest:
            slot = (slot + 1) % self._size
        return slot

    def _grow(self) -> None:
        digests, counts = self._digests, self._counts
        self._resize(self._size * 2)
        for digest, count in zip(digests, counts, strict=True):
            if count:
                slot = self._slot(digest)
                self._digests[slot] = digest
                self._counts[slot] = count

    def _resize(self, size: int) -> None:
        self._size = size
        self._digests = array("Q", [0]) * size
        self._counts = array("I", [0]) * size


def _kept(character: str) -> str:
    keep = character in _KEPT_PUNCTUATION or unicodedata.category(character)[0] in "LNM"
    return character if keep else "_"


def _cut(text: str, bytes_max: int) -> str:
    return text.encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")


def _numbered(name: str, number: int) -> str:
    extension = PurePosixPath(name).suffix
    stem = name.removesuffix(extension)
    ending = f"_{number}{extension}"
    return _cut(stem, NAME_BYTES_MAX - len(ending.encode())) + ending


def _digest(name: str) -> int:
    folded = unicodedata.normalize("NFKC", name.casefold())
    return int.from_bytes(hashlib.blake2b(folded.encode("utf-8", "replace"), digest_size=8).digest(), "little")
