"""Uploading: a stranger's file is judged, its bytes are made safe, and only then it is named."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from services.gateway import albums
from services.gateway.deciding import Enhancement
from services.gateway.enhancing import Order, enhance
from services.gateway.idempotency import Keyed
from services.gateway.ports import Ports
from services.gateway.settings import Settings
from services.gateway.store import uploads
from services.gateway.store.uploads import NewUpload
from shared.envelope import new_id
from shared.errors import Permanent
from shared.names import safe_name
from shared.orientation import upright_size
from shared.outcome import Connection
from shared.prices import Tier
from shared.sniff import sniff

NAME_CHARACTERS_MAX = 255
PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that is a picture, as its header describes it; width and height as seen upright."""

    name: str
    digest: str
    format: str
    width: int
    height: int
    size_bytes: int


def checked_name(file_name: str) -> str:
    """A file's name, made safe. Permanent (bad_file_name) for one that leads elsewhere, hides, or is none."""
    name = file_name.strip()
    is_long = len(name) > NAME_CHARACTERS_MAX
    if not name or is_long or name.startswith(".") or ".." in name or set(name) & set("/\\\0"):
        raise Permanent(
            "bad_file_name",
            "Invalid filename. Filenames cannot contain path traversal characters or be hidden files.",
        )
    return safe_name(name)


async def keep(ports: Ports, file: BinaryIO, file_name: str, bytes_max: int) -> Picture:
    """Put an uploaded picture into the blob store, as it is; durable after the next settling there.

    Permanent, with nothing kept: bad_file_name, too_large, and what sniffing raises.
    """
    name = checked_name(file_name)
    with ports.blobs.staged() as path:
        picture = await asyncio.to_thread(_copy_and_judge, file, path, name, bytes_max, ports.settings)
        await ports.blobs.keep(path, picture.digest)
    return picture


def _copy_and_judge(file: BinaryIO, path: Path, name: str, bytes_max: int, settings: Settings) -> Picture:
    size_bytes, digest = 0, hashlib.sha256()
    file.seek(0)
    with path.open("wb") as copy:
        while piece := file.read(PIECE_BYTES):
            size_bytes += len(piece)
            if size_bytes > bytes_max:
                raise Permanent("too_large", f"The file is larger than {bytes_max / 1_000_000:g} MB.")
            digest.update(piece)
            copy.write(piece)
    found = sniff(path, pixels_max=settings.source_pixels_max, frames_max=settings.source_frames_max)
    width, height = upright_size(path, found)
    return Picture(name, digest.hexdigest(), found.format, width, height, size_bytes)


async def record(
    connection: Connection, account_id: str, pictures: Sequence[Picture], album_id: UUID | None
) -> list[NewUpload]:
    """Make pictures, whose bytes are settled, uploads of the account; behind an album's images, if one is given.

    Raises NoSuchAlbum, AlbumFull.
    """
    made = [
        NewUpload(
            upload_id=new_id(),
            account_id=account_id,
            name=picture.name,
            digest=picture.digest,
            format=picture.format,
            width=picture.width,
            height=picture.height,
            size_bytes=picture.size_bytes,
        )
        for picture in pictures
    ]
    await uploads.insert_uploads(connection, made)
    if album_id is not None:
        await albums.append(connection, account_id, album_id, [upload.upload_id for upload in made])
    return made


async def record_enhanced(
    ports: Ports, account_id: str, picture: Picture, album_id: UUID | None, tier: Tier, known: Keyed | None
) -> Enhancement:
    """Make a picture an upload and have it enhanced, both or neither: what cannot be paid leaves no upload behind.

    Raises as `record`, and Declined, NotDecided, KeyReused.
    """

    async def recorded(connection: Connection) -> Order:
        (upload,) = await record(connection, account_id, [picture], album_id)
        return Order(account_id, [upload.upload_id], tier, "image_upload_enhancement")

    return await enhance(ports, recorded, known)
