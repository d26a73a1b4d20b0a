"""SQL over reports: files made of batches' results, kept for as long as nothing changes that they tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

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
