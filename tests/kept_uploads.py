"""Uploads put straight where the gateway keeps them, and jobs over them, for tests that need no door."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

from PIL import Image

from client import pictures
from services.gateway.intake import Door, NewImage, Submission
from services.gateway.ports import Ports
from services.gateway.store import uploads
from services.gateway.store.uploads import NewUpload
from shared.envelope import new_id
from shared.facts import Recipe


def new_picture(width: int = 96, height: int = 6) -> bytes:
    """A JPEG that no other test has."""
    return pictures.stamp(pictures.draw(1, width, height), uuid4().hex)


async def keep_upload(ports: Ports, account_id: str, content: bytes) -> UUID:
    """An upload of the account; its id."""
    digest = hashlib.sha256(content).hexdigest()
    with ports.blobs.staged() as path:
        path.write_bytes(content)
        await ports.blobs.keep(path, digest)
    await ports.blobs.settle()
    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
    upload = NewUpload(new_id(), account_id, "Été.jpg", digest, "jpeg", width, height, len(content))
    async with ports.database.transaction() as connection:
        await uploads.insert_uploads(connection, [upload])
    return upload.upload_id


def submission_of(account_id: str, upload_ids: Sequence[UUID], **door: object) -> Submission:
    """A job that copies uploads, one after the other."""

    def read() -> Iterator[NewImage]:
        for item, upload_id in enumerate(upload_ids, start=1):
            yield item, upload_id, "Été.jpg", 0, 1, f"http://127.0.0.1:1/api/images/{upload_id}/original"

    kept = Door(tier="TIER_1K", upload_ids=upload_ids, in_flight_max=1, **door)  # type: ignore[arg-type]
    return Submission(account_id, "album", Recipe(operation="copy"), "album", None, None, read, kept)
