"""The fetcher's SQL."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import asyncpg

from shared.errors import Problem
from shared.events import Event, ImageRequested
from shared.facts import Blob
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class Fetch:
    """What came of fetching a source that several images name."""

    event: ImageRequested
    blob: Blob | None = None
    problem: Problem | None = None

    @classmethod
    def found(cls, event: ImageRequested, blob: Blob) -> Self:
        """The source is in the blob store."""
        return cls(event, blob=blob)

    @classmethod
    def failed(cls, event: ImageRequested, problem: Problem) -> Self:
        """The source cannot be had."""
        return cls(event, problem=problem)


async def claim_fetch(connection: Connection, event: ImageRequested, seconds: float) -> asyncpg.Record | None:
    """Claim a source for an image; returns what is known of it when it is not ours to fetch, else None."""
    key = (event.job_id, event.run, _digest(event.source.url))
    claimed = await connection.fetchval(
        """
        INSERT INTO fetches (job_id, run, url_digest, claimed_by, claimed_until)
        VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
        ON CONFLICT (job_id, run, url_digest) DO UPDATE
        SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
        WHERE fetches.blob IS NULL AND fetches.problem IS NULL
          AND (fetches.claimed_by = excluded.claimed_by OR fetches.claimed_until < now())
        RETURNING true
        """,
        *key,
        event.image_id,
        seconds,
    )
    if claimed:
        return None
    return await connection.fetchrow(
        """
        SELECT blob, problem, detail FROM fetches
        WHERE job_id = $1 AND run = $2 AND url_digest = $3
        """,
        *key,
    )


async def insert_fetches(connection: Connection, fetches: Sequence[Fetch]) -> Sequence[Event]:
    """Record what came of claimed fetches; the first outcome stands."""
    rows = sorted(fetches, key=lambda fetch: (fetch.event.job_id, _digest(fetch.event.source.url)))
    await connection.execute(
        """
        UPDATE fetches SET blob = found.blob, problem = found.problem, detail = found.detail
        FROM unnest($1::uuid[], $2::int[], $3::bytea[], $4::jsonb[], $5::text[], $6::text[])
             AS found (job_id, run, url_digest, blob, problem, detail)
        WHERE fetches.job_id = found.job_id AND fetches.run = found.run AND fetches.url_digest = found.url_digest
          AND fetches.blob IS NULL AND fetches.problem IS NULL
        """,
        [row.event.job_id for row in rows],
        [row.event.run for row in rows],
        [_digest(row.event.source.url) for row in rows],
        [row.blob and row.blob.model_dump_json() for row in rows],
        [row.problem and row.problem.problem for row in rows],
        [row.problem and row.problem.detail for row in rows],
    )
    return ()


def blob_of(row: asyncpg.Record) -> Blob | None:
    """The blob in a row of `fetches`."""
    return Blob.model_validate(json.loads(row["blob"])) if row["blob"] else None


def _digest(url: str) -> bytes:
    return hashlib.sha256(url.encode()).digest()
