"""The exporter's SQL for jobs, results and exports. Rows are written in the order of their keys: no deadlocks."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from services.exporter import domain
from services.exporter.results import ResultRow
from services.exporter.rows import Completion, Export, Job, Result, Secrets, Tally
from shared.events import Event, ExportCompleted
from shared.outcome import Connection

Row = TypeVar("Row")


def columns(rows: Sequence[Row], *names: str) -> list[list[Any]]:
    """The rows turned into one list per column, for unnest."""
    return [[getattr(row, name) for row in rows] for name in names]


async def upsert_jobs(connection: Connection, jobs: Sequence[Job]) -> Sequence[Event]:
    """Remember jobs; the newest run wins."""
    newest = {job.job_id: job for job in sorted(jobs, key=lambda job: job.run)}
    await connection.execute(
        """
        INSERT INTO jobs (job_id, account_id, kind, run, images_total, webhook_url, secrets_sealed, columns)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::text[], $7::text[],
                             $8::jsonb[]) AS new (job_id)
        WHERE NOT EXISTS (
            SELECT FROM deleted_jobs WHERE deleted_jobs.job_id = new.job_id AND closed_at IS NOT NULL
        )
        ORDER BY new.job_id
        ON CONFLICT (job_id) DO UPDATE
        SET run = excluded.run, images_total = excluded.images_total,
            webhook_url = excluded.webhook_url, secrets_sealed = excluded.secrets_sealed,
            columns = CASE excluded.columns WHEN '[]' THEN jobs.columns ELSE excluded.columns END
        WHERE jobs.run < excluded.run
        """,
        *columns(
            [newest[job_id] for job_id in sorted(newest)],
            *("job_id", "account_id", "kind", "run", "images_total", "webhook_url", "secrets_sealed", "columns"),
        ),
    )
    return ()


async def upsert_secrets(connection: Connection, secrets: Sequence[Secrets]) -> Sequence[Event]:
    """Remember what accounts sign with; the newest version wins."""
    newest = {each.account_id: each for each in sorted(secrets, key=lambda each: each.version)}
    await connection.execute(
        """
        INSERT INTO endpoints (account_id, version, secrets_sealed)
        SELECT * FROM unnest($1::text[], $2::int[], $3::text[])
        ON CONFLICT (account_id) DO UPDATE
        SET version = excluded.version, secrets_sealed = excluded.secrets_sealed, changed_at = now()
        WHERE endpoints.version < excluded.version
        """,
        *columns([newest[account] for account in sorted(newest)], "account_id", "version", "secrets_sealed"),
    )
    return ()


async def upsert_results(connection: Connection, results: Sequence[Result]) -> Sequence[Event]:
    """Record how images ended; which outcome replaces which is as Result.replaces says.

    Of a job that is gone nothing is recorded.
    """
    rows = domain.standing(results)
    await connection.execute(
        """
        INSERT INTO results (job_id, seq, run, account_id, image_id, item, item_key, item_name, position, item_size,
                             source_url, state, blob, format, problem, detail, attempts, source_bytes, output_bytes)
        SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::uuid[], $6::int[], $7::text[],
                             $8::text[], $9::int[], $10::int[], $11::text[], $12::text[], $13::text[], $14::text[],
                             $15::text[], $16::text[], $17::int[], $18::bigint[], $19::bigint[])
             AS new (job_id, seq)
        WHERE NOT EXISTS (
            SELECT FROM deleted_jobs WHERE deleted_jobs.job_id = new.job_id AND closed_at IS NOT NULL
        )
        ORDER BY new.job_id, new.seq
        ON CONFLICT (job_id, seq) DO UPDATE
        SET run = excluded.run, state = excluded.state, blob = excluded.blob, format = excluded.format,
            problem = excluded.problem, detail = excluded.detail, attempts = excluded.attempts,
            source_bytes = excluded.source_bytes, output_bytes = excluded.output_bytes
        WHERE results.run < excluded.run
           OR (excluded.state = 'cancelled' AND results.run = excluded.run)
        """,
        *columns(rows, *Result.__slots__),
    )
    return ()


async def mark_completed(connection: Connection, completions: Sequence[Completion]) -> Sequence[Event]:
    """Remember that all results of runs are here."""
    await connection.execute(
        """
        UPDATE jobs SET completed_run = greatest(jobs.completed_run, done.run)
        FROM (
            SELECT job_id, max(run) AS run
            FROM unnest($1::uuid[], $2::int[]) AS completed (job_id, run)
            GROUP BY job_id
            ORDER BY job_id
        ) AS done
        WHERE jobs.job_id = done.job_id
        """,
        *columns(completions, "job_id", "run"),
    )
    return ()


async def insert_exports(connection: Connection, exports: Sequence[Export]) -> Sequence[Event]:
    """Record files; the first one that was built for a request stands, and is announced once."""
    new = await connection.fetch(
        """
        INSERT INTO exports (export_id, account_id, job_id, run, format, layout, digest, size_bytes, rows)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[],
                             $8::bigint[], $9::int[])
        ON CONFLICT (export_id) DO NOTHING
        RETURNING export_id, job_id, digest, size_bytes, rows
        """,
        *columns(sorted(exports, key=lambda export: export.export_id), *Export.__slots__),
    )
    return [ExportCompleted(**row) for row in new]


async def find_job(connection: Connection, job_id: UUID) -> Job | None:
    """A job, once it was submitted here."""
    row = await connection.fetchrow(
        """
        SELECT job_id, account_id, kind, run, images_total, webhook_url, secrets_sealed, completed_run
        FROM jobs
        WHERE job_id = $1
        """,
        job_id,
    )
    return Job(**row) if row else None


async def count_results(connection: Connection, job_id: UUID) -> Tally:
    """How a job's images ended so far."""
    row = await connection.fetchrow(
        """
        SELECT count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
               coalesce(max(run), 0) AS run
        FROM results
        WHERE job_id = $1
        """,
        job_id,
    )
    assert row is not None
    return Tally(**row)


async def find_deletion(connection: Connection, job_id: UUID) -> bool:
    """Whether a job was deleted."""
    return bool(await connection.fetchval("SELECT true FROM deleted_jobs WHERE job_id = $1", job_id))


async def find_export(connection: Connection, export_id: UUID) -> bool:
    """Whether a request's file was built already."""
    return bool(await connection.fetchval("SELECT true FROM exports WHERE export_id = $1", export_id))


async def list_results(
    connection: Connection, job_id: UUID, *, after_seq: int, limit: int, image_url_start: str
) -> list[ResultRow]:
    """One page of a job's results, in order of `seq`."""
    rows = await connection.fetch(
        """
        SELECT seq, item, item_key, item_name, position, item_size, source_url, state, image_id, format, blob,
               problem, detail, attempts, source_bytes, output_bytes
        FROM results
        WHERE job_id = $1 AND seq > $2
        ORDER BY seq
        LIMIT $3
        """,
        job_id,
        after_seq,
        limit,
    )
    page = []
    for row in rows:
        facts = dict(row)
        image_id, format = facts.pop("image_id"), facts.pop("format")
        name = domain.image_name(image_id, format) if format else None
        page.append(ResultRow(**facts, image_name=name, image_url=image_url_start + name if name else None))
    return page
