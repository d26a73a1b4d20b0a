"""SQL over results: what each image of a batch showed, or why that is not known; one row an image, the latest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.outcome import Connection

COLUMNS = (
    "image_id", "job_id", "account_id", "seq", "run", "url", "success", "store_image", "text_content", "store_name",
    "business_contact", "image_description", "problem", "detail", "provider", "model", "key_hint", "cost_micros",
    "cache_hit", "processing_seconds", "created_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one image of a batch in a run."""

    image_id: UUID
    job_id: UUID
    account_id: str
    seq: int
    run: int
    url: str
    success: bool
    created_at: datetime
    store_image: bool = False
    text_content: str = ""
    store_name: str = ""
    business_contact: str = ""
    image_description: str = ""
    problem: str | None = None
    detail: str | None = None
    provider: str | None = None
    model: str | None = None
    key_hint: str | None = None
    cost_micros: int = 0
    cache_hit: bool = False
    processing_seconds: float | None = None


async def list_earlier(connection: Connection, image_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """What was known of these images before; their jobs are locked."""
    return await connection.fetch(
        "SELECT image_id, job_id, success, store_image FROM results WHERE image_id = ANY($1::uuid[])", image_ids
    )


async def upsert_results(connection: Connection, results: Sequence[Result]) -> None:
    """Keep what came of these images instead of what was known before; their jobs are locked."""
    await connection.execute(
        """
        INSERT INTO results (image_id, job_id, account_id, seq, run, url, success, store_image, text_content,
                             store_name, business_contact, image_description, problem, detail, provider, model,
                             key_hint, cost_micros, cache_hit, processing_seconds, created_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::text[], $7::bool[],
                             $8::bool[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                             $15::text[], $16::text[], $17::text[], $18::bigint[], $19::bool[], $20::real[],
                             $21::timestamptz[])
        ON CONFLICT (image_id) DO UPDATE
        SET run = excluded.run, success = excluded.success, store_image = excluded.store_image,
            text_content = excluded.text_content, store_name = excluded.store_name,
            business_contact = excluded.business_contact, image_description = excluded.image_description,
            problem = excluded.problem, detail = excluded.detail, provider = excluded.provider,
            model = excluded.model, key_hint = excluded.key_hint, cost_micros = excluded.cost_micros,
            cache_hit = excluded.cache_hit, processing_seconds = excluded.processing_seconds,
            created_at = excluded.created_at
        """,
        *_columns(results, *COLUMNS),
    )


async def list_recent(connection: Connection, job_id: UUID, limit: int) -> list[asyncpg.Record]:
    """The results of a batch that were recorded last, newest first."""
    return await connection.fetch(
        """
        SELECT image_id, url, success, store_image, store_name, problem, detail, processing_seconds, created_at
        FROM results
        WHERE job_id = $1
        ORDER BY created_at DESC, seq DESC
        LIMIT $2
        """,
        job_id,
        limit,
    )


async def list_recent_failures(connection: Connection, job_id: UUID, limit: int) -> list[asyncpg.Record]:
    """The failures of a batch that were recorded last, newest first. What failed shows no shop."""
    return await connection.fetch(
        """
        SELECT image_id, url, problem, detail, processing_seconds, created_at
        FROM results
        WHERE job_id = $1 AND success = false AND store_image = false
        ORDER BY created_at DESC, seq DESC
        LIMIT $2
        """,
        job_id,
        limit,
    )


def _columns(rows: Sequence[Any], *names: str) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in names]
