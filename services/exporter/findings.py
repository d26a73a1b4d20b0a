"""The exporter's SQL for what images of batches showed: recorded row by row, read by reports in one go."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.exporter.batch_rows import Finding, plain
from services.exporter.store import columns
from shared.events import Event
from shared.outcome import Connection
from shared.reports import ReportFilters, ReportSection, ReportSort

PAGE_ROWS = 500
QUERY_SECONDS_MAX = 300
_LIKE_ESCAPES = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


async def upsert_findings(connection: Connection, findings: Sequence[Finding]) -> Sequence[Event]:
    """Record those findings whose outcome stands among the results, which were recorded before them."""
    distinct = {(each.job_id, each.seq, each.run, each.success): each for each in findings}
    await connection.execute(
        """
        INSERT INTO findings (job_id, seq, run, account_id, image_id, url, success, processing_seconds, carried,
                              ended_at, store_image, text_content, store_name, business_contact, image_description,
                              problem, detail, provider, model, key_hint, cost_micros, cache_hit)
        SELECT new.*
        FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::uuid[], $6::text[], $7::bool[], $8::float8[],
                    $9::jsonb[], $10::timestamptz[], $11::bool[], $12::text[], $13::text[], $14::text[], $15::text[],
                    $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::bigint[], $22::bool[])
             AS new (job_id, seq, run, account_id, image_id, url, success)
        JOIN results ON results.job_id = new.job_id AND results.seq = new.seq AND results.run = new.run
                    AND results.state = CASE WHEN new.success THEN 'succeeded' ELSE 'failed' END
        ORDER BY new.job_id, new.seq
        ON CONFLICT (job_id, seq) DO UPDATE
        SET run = excluded.run, success = excluded.success, processing_seconds = excluded.processing_seconds,
            carried = excluded.carried, ended_at = excluded.ended_at, store_image = excluded.store_image,
            text_content = excluded.text_content, store_name = excluded.store_name,
            business_contact = excluded.business_contact, image_description = excluded.image_description,
            problem = excluded.problem, detail = excluded.detail, provider = excluded.provider,
            model = excluded.model, key_hint = excluded.key_hint, cost_micros = excluded.cost_micros,
            cache_hit = excluded.cache_hit
        WHERE findings.run < excluded.run
        """,
        *columns([distinct[key] for key in sorted(distinct)], *Finding.__slots__),
    )
    return ()


async def list_sections(
    connection: Connection, account_id: str, sections: Sequence[ReportSection]
) -> list[asyncpg.Record]:
    """What is known of an account's jobs: their columns (None: not submitted yet), how many findings, whether gone.

    `run_findings`: of the section's run or a later one.
    """
    return await connection.fetch(
        """
        SELECT wanted.job_id, jobs.columns::text, found.findings, found.run_findings,
               EXISTS (SELECT FROM deleted_jobs WHERE deleted_jobs.job_id = wanted.job_id) AS is_deleted
        FROM unnest($2::uuid[], $3::int[]) AS wanted (job_id, run)
        LEFT JOIN jobs ON jobs.job_id = wanted.job_id AND jobs.account_id = $1
        CROSS JOIN LATERAL (
            SELECT count(*) AS findings, count(*) FILTER (WHERE findings.run >= wanted.run) AS run_findings
            FROM findings
            WHERE findings.job_id = jobs.job_id
        ) AS found
        """,
        account_id,
        [section.job_id for section in sections],
        [section.run for section in sections],
        timeout=QUERY_SECONDS_MAX,
    )


async def count_matching(
    connection: Connection, account_id: str, job_ids: Sequence[UUID], filters: ReportFilters
) -> int:
    """How many findings of an account's jobs match."""
    found: int = await connection.fetchval(
        """
        SELECT count(*)
        FROM findings
        WHERE account_id = $1 AND job_id = ANY($2::uuid[])
          AND ($3::bool IS NULL OR success = $3)
          AND ($4::bool IS NULL OR store_image = $4)
          AND (NOT $5::bool OR store_name <> '')
          AND (NOT $6::bool OR business_contact <> '')
          AND ($7::text IS NULL OR store_name COLLATE "und-x-icu" ILIKE $7)
          AND ($8::timestamptz IS NULL OR ended_at >= $8)
          AND ($9::timestamptz IS NULL OR ended_at <= $9)
        """,
        account_id,
        job_ids,
        *_conditions(filters),
        timeout=QUERY_SECONDS_MAX,
    )
    return found


async def matching(
    connection: Connection,
    account_id: str,
    job_ids: Sequence[UUID],
    filters: ReportFilters,
    sort: ReportSort,
    limit: int,
) -> AsyncIterator[list[asyncpg.Record]]:
    """Pages of the findings that match, by a cursor: the connection must be in a transaction, and is taken up.

    By time, the jobs follow one another and the index gives the order; any other order is one over all of them.
    The cursor shows one moment: pages read by keys would tell a row twice that is found anew meanwhile. Names match
    in any case of any script (by their collation), also where the database itself knows only ASCII's.
    """
    is_by_time = sort.by == "created_at"
    cursor = await connection.cursor(
        """
        SELECT job_id, image_id, url, success, store_image, text_content, store_name, business_contact,
               image_description, problem, detail, provider, model, key_hint, cache_hit, processing_seconds,
               carried::text, ended_at
        FROM findings
        WHERE account_id = $1 AND job_id = ANY($2::uuid[])
          AND ($3::bool IS NULL OR success = $3)
          AND ($4::bool IS NULL OR store_image = $4)
          AND (NOT $5::bool OR store_name <> '')
          AND (NOT $6::bool OR business_contact <> '')
          AND ($7::text IS NULL OR store_name COLLATE "und-x-icu" ILIKE $7)
          AND ($8::timestamptz IS NULL OR ended_at >= $8)
          AND ($9::timestamptz IS NULL OR ended_at <= $9)
        ORDER BY CASE WHEN $10::bool THEN job_id END,
                 CASE WHEN $11::bool THEN ended_at END DESC,
                 CASE $12::text WHEN 'success' THEN success::int WHEN 'store_image' THEN store_image::int
                                WHEN 'processing_time_seconds' THEN processing_seconds END * $13::int,
                 CASE WHEN $12::text = 'store_name' AND $13::int > 0 THEN store_name END,
                 CASE WHEN $12::text = 'store_name' AND $13::int < 0 THEN store_name END DESC,
                 ended_at, job_id, seq
        LIMIT $14
        """,
        account_id,
        job_ids,
        *_conditions(filters),
        is_by_time and not sort.descending,
        is_by_time and sort.descending,
        sort.by,
        -1 if sort.descending else 1,
        limit,
        timeout=QUERY_SECONDS_MAX,
    )
    while page := await cursor.fetch(PAGE_ROWS, timeout=QUERY_SECONDS_MAX):
        yield page


def contains_pattern(text: str) -> str:
    """The ILIKE pattern of what contains the text; its own wildcards stand for themselves."""
    return f"%{plain(text).translate(_LIKE_ESCAPES)}%"


def _conditions(filters: ReportFilters) -> tuple[Any, ...]:
    contained = filters.store_name_contains
    return (
        filters.success,
        filters.store_image,
        filters.has_store_name,
        filters.has_contact,
        contains_pattern(contained) if contained else None,
        filters.from_time,
        filters.to_time,
    )
