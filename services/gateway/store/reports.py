"""SQL over reports: files made of batches' results, kept for as long as nothing changes that they tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class ReportEnded:
    """A report is ready, or cannot be made."""

    export_id: UUID
    state: str
    digest: str | None = None
    size_bytes: int | None = None
    rows: int | None = None
    problem: str | None = None
    detail: str | None = None


async def mark_ended(connection: Connection, ended: Sequence[ReportEnded]) -> None:
    """Note how reports ended; the first outcome stands."""
    await connection.execute(
        """
        UPDATE reports
        SET state = ended.state, digest = ended.digest, size_bytes = ended.size_bytes, rows = ended.rows,
            problem = ended.problem, detail = ended.detail
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::int[], $6::text[], $7::text[])
             AS ended (export_id, state, digest, size_bytes, rows, problem, detail)
        WHERE reports.export_id = ended.export_id AND reports.state = 'requested'
        """,
        [each.export_id for each in ended],
        [each.state for each in ended],
        [each.digest for each in ended],
        [each.size_bytes for each in ended],
        [each.rows for each in ended],
        [each.problem for each in ended],
        [each.detail for each in ended],
    )


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report that is asked for. `fingerprint`: SHA-256 of what was asked, and of how far the results were."""

    export_id: UUID
    account_id: str
    fingerprint: bytes
    format: str
    bundled: bool
    file_name: str


async def list_sections(
    connection: Connection, account_id: str, job_ids: Sequence[UUID] | None, limit: int
) -> list[asyncpg.Record]:
    """What a report says of these batches, and how far their results are; None: of all that have results and are shown.

    `run_results`: of a later run, how many results it has brought so far; of a first run all are.
    """
    return await connection.fetch(
        """
        SELECT job_id, name, status, run, created_at, started_at, updated_at, results_succeeded, results_failed,
               results_store_images,
               (SELECT count(*)
                FROM results
                WHERE results.job_id = batch_overviews.job_id AND results.run = batch_overviews.run AND results.run > 1
               ) AS run_results
        FROM batch_overviews
        WHERE account_id = $1
          AND (job_id = ANY($2::uuid[])
               OR $2::uuid[] IS NULL AND hidden_at IS NULL AND results_succeeded + results_failed > 0)
        ORDER BY created_at, job_id
        LIMIT $3
        """,
        account_id,
        job_ids,
        limit,
    )


async def insert_report(connection: Connection, report: NewReport) -> UUID | None:
    """Ask for a report; None when it was asked for before and has not failed."""
    found: UUID | None = await connection.fetchval(
        """
        INSERT INTO reports (export_id, account_id, fingerprint, format, bundled, file_name)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (account_id, fingerprint) DO UPDATE
        SET export_id = excluded.export_id, file_name = excluded.file_name, state = 'requested', requested_at = now()
        WHERE reports.state = 'failed' AND reports.requested_at < now() - interval '5 seconds'
        RETURNING export_id
        """,
        report.export_id,
        report.account_id,
        report.fingerprint,
        report.format,
        report.bundled,
        report.file_name,
    )
    return found


async def find_export_id(connection: Connection, account_id: str, fingerprint: bytes) -> UUID | None:
    """The report that was asked for by these words, when the results were as far."""
    found: UUID | None = await connection.fetchval(
        "SELECT export_id FROM reports WHERE account_id = $1 AND fingerprint = $2", account_id, fingerprint
    )
    return found


async def find_report(connection: Connection, account_id: str, export_id: UUID) -> asyncpg.Record | None:
    """A report of an account."""
    return await connection.fetchrow(
        "SELECT * FROM reports WHERE export_id = $1 AND account_id = $2", export_id, account_id
    )


async def count_waiting(connection: Connection, account_id: str) -> int:
    """How many of the account's reports are being made; of a quarter of an hour, for one may never end."""
    found: int = await connection.fetchval(
        """
        SELECT count(*) FROM reports
        WHERE account_id = $1 AND state = 'requested' AND requested_at > now() - interval '15 minutes'
        """,
        account_id,
    )
    return found


async def insert_download(connection: Connection, report: asyncpg.Record) -> None:
    """Note that a report was delivered."""
    await connection.execute(
        "INSERT INTO downloads (account_id, format, size_bytes) VALUES ($1, $2, $3)",
        report["account_id"],
        "zip" if report["bundled"] else report["format"],
        report["size_bytes"],
    )


async def count_downloads(connection: Connection, account_id: str) -> list[asyncpg.Record]:
    """How many reports were delivered, by their format; in all, and today (UTC)."""
    return await connection.fetch(
        """
        SELECT format, count(*) AS files, sum(size_bytes)::bigint AS size_bytes,
               count(*) FILTER (WHERE downloaded_at >= date_trunc('day', now(), 'UTC')) AS files_today
        FROM downloads
        WHERE account_id = $1
        GROUP BY format
        ORDER BY format
        """,
        account_id,
    )


async def sum_batches(connection: Connection, account_id: str) -> asyncpg.Record:
    """What the account's batches amount to."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS batches,
               coalesce(sum(results_succeeded + results_failed), 0)::bigint AS results,
               coalesce(sum(results_succeeded), 0)::bigint AS results_succeeded,
               coalesce(sum(images_succeeded + images_failed), 0)::bigint AS images_ended,
               coalesce(sum(images_succeeded), 0)::bigint AS images_succeeded
        FROM batch_overviews
        WHERE account_id = $1 AND hidden_at IS NULL
        """,
        account_id,
    )
    assert row is not None
    return row
