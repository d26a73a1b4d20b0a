"""The pictures of the origin: each is drawn once, and the latest are kept."""

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from client.pictures import draw

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
}


class Photo(NamedTuple):
    """What there is to draw: the same one is drawn once."""

    seed: int
    width: int
    height: int
    extension: str
    quality: int
    orientation: int
    transparent: bool


class PhotoCache:
    """The pictures that were drawn last, up to a number of bytes; those that are being drawn are waited for."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._drawn: OrderedDict[Photo, bytes] = OrderedDict()
        self._drawing: dict[Photo, asyncio.Task[bytes]] = {}

    def find(self, photo: Photo) -> bytes | None:
        """The encoded picture, when it is at hand."""
        if photo in self._drawn:
            self._drawn.move_to_end(photo)
        return self._drawn.get(photo)

    async def draw(self, photo: Photo) -> bytes:
        """The encoded picture, drawn beside the event loop, once for all who wait for it."""
        if photo not in self._drawing:
            self._drawing[photo] = asyncio.create_task(self._draw(photo))
        return await asyncio.shield(self._drawing[photo])

    async def _draw(self, photo: Photo) -> bytes:
        try:
            encoded = await asyncio.to_thread(_encode, photo)
        finally:
            del self._drawing[photo]
        self._drawn[photo] = encoded
        self._bytes += len(encoded)
        while self._bytes > self._bytes_max:
            _, oldest = self._drawn.popitem(last=False)
            self._bytes -= len(oldest)
        return encoded


def _encode(photo: Photo) -> bytes:
    return draw(
        photo.seed,
        photo.width,
        photo.height,
        CONTENT_TYPES[photo.extension].removeprefix("image/"),
        photo.quality,
        orientation=photo.orientation,
        transparent=photo.transparent,
    )
