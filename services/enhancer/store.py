"""The enhancer's SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events import Event
from shared.facts import Blob
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class Rendition:
    """A recipe applied to a source's content."""

    source_digest: str
    fingerprint: str
    blob: Blob


async def find_renditions(connection: Connection, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Blob]:
    """Of these pairs of source digest and fingerprint, what was made already."""
    rows = await connection.fetch(
        """
        SELECT encode(source_digest, 'hex') AS source_digest, encode(fingerprint, 'hex') AS fingerprint, rendition
        FROM renditions
        JOIN unnest($1::bytea[], $2::bytea[]) AS wanted (source_digest, fingerprint)
             USING (source_digest, fingerprint)
        """,
        [bytes.fromhex(digest) for digest, _ in wanted],
        [bytes.fromhex(fingerprint) for _, fingerprint in wanted],
    )
    return {(row["source_digest"], row["fingerprint"]): Blob.model_validate_json(row["rendition"]) for row in rows}


async def insert_renditions(connection: Connection, renditions: Sequence[Rendition]) -> Sequence[Event]:
    """Remember what was made; the first one stands."""
    ordered = sorted(renditions, key=lambda rendition: (rendition.source_digest, rendition.fingerprint))
    await connection.execute(
        """
        INSERT INTO renditions (source_digest, fingerprint, rendition)
        SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::jsonb[])
        ON CONFLICT DO NOTHING
        """,
        [bytes.fromhex(rendition.source_digest) for rendition in ordered],
        [bytes.fromhex(rendition.fingerprint) for rendition in ordered],
        [rendition.blob.model_dump_json() for rendition in ordered],
    )
    return ()
