"""SQL over exports: one file per job, run, format and layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class ExportEnded:
    """A file is ready, or cannot be made."""

    export_id: UUID
    job_id: UUID
    state: str
    digest: str | None = None
    size_bytes: int | None = None
    rows: int | None = None
    problem: str | None = None
    detail: str | None = None


async def insert_export(
    connection: Connection, export_id: UUID, job: asyncpg.Record, file_format: str, layout: str
) -> UUID | None:
    """Ask for a file of a job's present run; None when it was asked for before and has not failed."""
    found: UUID | None = await connection.fetchval(
        """
        INSERT INTO exports (export_id, job_id, account_id, run, format, layout)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (job_id, run, format, layout) DO UPDATE
        SET export_id = excluded.export_id, state = 'requested', requested_at = now()
        WHERE exports.state = 'failed' AND exports.requested_at < now() - interval '5 seconds'
        RETURNING export_id
        """,
        export_id,
        job["job_id"],
        job["account_id"],
        job["run"],
        file_format,
        layout,
    )
    return found


async def find_export(
    connection: Connection, job: asyncpg.Record, file_format: str, layout: str
) -> asyncpg.Record | None:
    """The file of a job's present run."""
    return await connection.fetchrow(
        "SELECT * FROM exports WHERE job_id = $1 AND run = $2 AND format = $3 AND layout = $4",
        job["job_id"],
        job["run"],
        file_format,
        layout,
    )


async def mark_ended(connection: Connection, ended: Sequence[ExportEnded]) -> None:
    """Note how exports ended; the first outcome stands."""
    await connection.execute(
        """
        UPDATE exports
        SET state = ended.state, digest = ended.digest, size_bytes = ended.size_bytes, rows = ended.rows,
            problem = ended.problem, detail = ended.detail
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::int[], $6::text[], $7::text[])
             AS ended (export_id, state, digest, size_bytes, rows, problem, detail)
        WHERE exports.export_id = ended.export_id AND exports.state = 'requested'
        """,
        [each.export_id for each in ended],
        [each.state for each in ended],
        [each.digest for each in ended],
        [each.size_bytes for each in ended],
        [each.rows for each in ended],
        [each.problem for each in ended],
        [each.detail for each in ended],
    )
