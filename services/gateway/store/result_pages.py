"""SQL over results as callers page through them; whole pages and numbers come without counting rows of results.

Which batches: those of an account with `fragment` in their ids (None: any), soft-deleted ones only by the whole id.
What kinds of results: pairs of (success, store_image); a page reads an index for each batch and kind, in its order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection
from shared.reports import ReportFilters


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results. `text_max`: so many characters of a text, None: all."""

    account_id: str
    fragment: str | None
    kinds: Sequence[tuple[bool, bool]]
    offset: int
    limit: int
    text_max: int | None = None


async def count_kinds(connection: Connection, account_id: str, fragment: str | None) -> asyncpg.Record:
    """How many results of each kind there are, from the batches' counters."""
    row = await connection.fetchrow(
        """
        SELECT coalesce(sum(results_failed), 0)::bigint AS failed,
               coalesce(sum(results_succeeded - results_store_images), 0)::bigint AS others,
               coalesce(sum(results_store_images), 0)::bigint AS store_images
        FROM batches
        WHERE account_id = $1 AND deleted_at IS NULL AND (hidden_at IS NULL OR job_id::text = $2)
          AND ($2::text IS NULL OR position($2 IN job_id::text) > 0)
        """,
        account_id,
        fragment,
    )
    assert row is not None
    return row


async def list_matching_ids(connection: Connection, account_id: str, fragment: str, limit: int) -> list[UUID]:
    """The batches with `fragment` in their ids that have results."""
    rows = await connection.fetch(
        """
        SELECT job_id
        FROM batches
        WHERE account_id = $1 AND deleted_at IS NULL AND (hidden_at IS NULL OR job_id::text = $2)
          AND position($2 IN job_id::text) > 0 AND results_succeeded + results_failed > 0
        ORDER BY created_at, job_id
        LIMIT $3
        """,
        account_id,
        fragment,
        limit,
    )
    return [row["job_id"] for row in rows]


async def list_newest(connection: Connection, wanted: Wanted) -> list[asyncpg.Record]:
    """A page of results, those first that were recorded last."""
    return await connection.fetch(
        """
        WITH matching AS (
            SELECT job_id, chunk_size, columns
            FROM batches
            WHERE account_id = $1 AND deleted_at IS NULL AND (hidden_at IS NULL OR job_id::text = $2)
              AND ($2::text IS NULL OR position($2 IN job_id::text) > 0) AND results_succeeded + results_failed > 0
        ), page AS (
            SELECT found.image_id
            FROM matching
            CROSS JOIN unnest($3::boolean[], $4::boolean[]) AS kind (success, store_image)
            CROSS JOIN LATERAL (
                SELECT image_id, job_id, created_at, seq
                FROM results
                WHERE job_id = matching.job_id AND success = kind.success AND store_image = kind.store_image
                ORDER BY created_at DESC, seq DESC
                LIMIT $5::bigint + $6::bigint
            ) AS found
            ORDER BY found.created_at DESC, found.job_id DESC, found.seq DESC
            OFFSET $5::bigint LIMIT $6::bigint
        )
        SELECT results.image_id, results.job_id, url, success, store_image, store_name, business_contact,
               image_description, left(text_content, $7::int) AS text_content, results.problem, results.detail,
               provider, model, key_hint, cost_micros, results.cache_hit, processing_seconds, results.created_at,
               images.carried, chunks.chunk_id, matching.columns
        FROM page
        JOIN results USING (image_id)
        JOIN matching USING (job_id)
        LEFT JOIN images USING (image_id)
        LEFT JOIN chunks
               ON chunks.job_id = results.job_id AND chunks.number = results.seq / matching.chunk_size + 1
        ORDER BY results.created_at DESC, results.job_id DESC, results.seq DESC
        """,
        *_arguments(wanted),
    )


async def list_oldest(connection: Connection, wanted: Wanted) -> list[asyncpg.Record]:
    """A page of results, those first that were recorded first."""
    return await connection.fetch(
        """
        WITH matching AS (
            SELECT job_id, chunk_size, columns
            FROM batches
            WHERE account_id = $1 AND deleted_at IS NULL AND (hidden_at IS NULL OR job_id::text = $2)
              AND ($2::text IS NULL OR position($2 IN job_id::text) > 0) AND results_succeeded + results_failed > 0
        ), page AS (
            SELECT found.image_id
            FROM matching
            CROSS JOIN unnest($3::boolean[], $4::boolean[]) AS kind (success, store_image)
            CROSS JOIN LATERAL (
                SELECT image_id, job_id, created_at, seq
                FROM results
                WHERE job_id = matching.job_id AND success = kind.success AND store_image = kind.store_image
                ORDER BY created_at, seq
                LIMIT $5::bigint + $6::bigint
            ) AS found
            ORDER BY found.created_at, found.job_id, found.seq
            OFFSET $5::bigint LIMIT $6::bigint
        )
        SELECT results.image_id, results.job_id, url, success, store_image, store_name, business_contact,
               image_description, left(text_content, $7::int) AS text_content, results.problem, results.detail,
               provider, model, key_hint, cost_micros, results.cache_hit, processing_seconds, results.created_at,
               images.carried, chunks.chunk_id, matching.columns
        FROM page
        JOIN results USING (image_id)
        JOIN matching USING (job_id)
        LEFT JOIN images USING (image_id)
        LEFT JOIN chunks
               ON chunks.job_id = results.job_id AND chunks.number = results.seq / matching.chunk_size + 1
        ORDER BY results.created_at, results.job_id, results.seq
        """,
        *_arguments(wanted),
    )


async def list_sorted(connection: Connection, wanted: Wanted, field: str, descending: bool) -> list[asyncpg.Record]:
    """A page of results by `store_name` or `processing_time_seconds`: these are sorted, for no index keeps the order.

    Equal ones by the time they were recorded.
    """
    return await connection.fetch(
        """
        WITH matching AS (
            SELECT job_id, chunk_size, columns
            FROM batches
            WHERE account_id = $1 AND deleted_at IS NULL AND (hidden_at IS NULL OR job_id::text = $2)
              AND ($2::text IS NULL OR position($2 IN job_id::text) > 0) AND results_succeeded + results_failed > 0
        ), page AS (
            SELECT found.image_id, row_number() OVER () AS place
            FROM (
                SELECT image_id
                FROM matching
                JOIN results USING (job_id)
                JOIN unnest($3::boolean[], $4::boolean[]) AS kind (success, store_image) USING (success, store_image)
                ORDER BY CASE WHEN $8 = 'store_name' AND NOT $9 THEN store_name END COLLATE "C",
                         CASE WHEN $8 = 'store_name' AND $9 THEN store_name END COLLATE "C" DESC,
                         CASE WHEN $8 <> 'store_name' THEN processing_seconds * CASE WHEN $9 THEN -1 ELSE 1 END END,
                         created_at, job_id, seq
                OFFSET $5::bigint LIMIT $6::bigint
            ) AS found
        )
        SELECT results.image_id, results.job_id, url, success, store_image, store_name, business_contact,
               image_description, left(text_content, $7::int) AS text_content, results.problem, results.detail,
               provider, model, key_hint, cost_micros, results.cache_hit, processing_seconds, results.created_at,
               images.carried, chunks.chunk_id, matching.columns
        FROM page
        JOIN results USING (image_id)
        JOIN matching USING (job_id)
        LEFT JOIN images USING (image_id)
        LEFT JOIN chunks
               ON chunks.job_id = results.job_id AND chunks.number = results.seq / matching.chunk_size + 1
        ORDER BY page.place
        """,
        *_arguments(wanted),
        field,
        descending,
    )


async def list_first(
    connection: Connection, job_id: UUID, kinds: Sequence[tuple[bool, bool]], filters: ReportFilters, limit: int
) -> list[asyncpg.Record]:
    """The results that a report of one batch begins with."""
    return await connection.fetch(
        """
        SELECT found.*
        FROM unnest($2::boolean[], $3::boolean[]) AS kind (success, store_image)
        CROSS JOIN LATERAL (
            SELECT *
            FROM results
            WHERE job_id = $1 AND success = kind.success AND store_image = kind.store_image
              AND created_at >= coalesce($4::timestamptz, '-infinity')
              AND created_at <= coalesce($5::timestamptz, 'infinity')
              AND (NOT $6 OR store_name <> '') AND (NOT $7 OR business_contact <> '')
            ORDER BY created_at, seq
            LIMIT $8
        ) AS found
        ORDER BY created_at, seq
        LIMIT $8
        """,
        job_id,
        [success for success, _ in kinds],
        [store_image for _, store_image in kinds],
        filters.from_time,
        filters.to_time,
        filters.has_store_name,
        filters.has_contact,
        limit,
    )


def _arguments(wanted: Wanted) -> tuple[object, ...]:
    successes, store_images = [kind[0] for kind in wanted.kinds], [kind[1] for kind in wanted.kinds]
    text_max = wanted.text_max if wanted.text_max is not None else 2**31 - 1
    return wanted.account_id, wanted.fragment, successes, store_images, wanted.offset, wanted.limit, text_max
