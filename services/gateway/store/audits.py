"""SQL over audits: what the ledger answered when it was asked whether the books are right."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from shared.outcome import Connection

HOURS_KEPT = 24


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit's answer, in JSON."""

    audit_id: UUID
    answer: str


async def insert_audit(connection: Connection, audit_id: UUID) -> None:
    """Ask for an audit."""
    await connection.execute("INSERT INTO audits (audit_id) VALUES ($1)", audit_id)


async def forget_old(connection: Connection) -> None:
    """Delete audits that nobody waits for any more."""
    await connection.execute("DELETE FROM audits WHERE requested_at < now() - make_interval(hours => $1)", HOURS_KEPT)


async def record_answers(connection: Connection, answers: Sequence[Audited]) -> None:
    """Keep what was answered, also to a question that was forgotten meanwhile."""
    await connection.execute(
        """
        INSERT INTO audits (audit_id, answer)
        SELECT * FROM unnest($1::uuid[], $2::jsonb[])
        ON CONFLICT (audit_id) DO UPDATE SET answer = excluded.answer
        """,
        [each.audit_id for each in answers],
        [each.answer for each in answers],
    )


async def find_audit(connection: Connection, audit_id: UUID) -> asyncpg.Record | None:
    """An audit that was answered."""
    return await connection.fetchrow(
        "SELECT audit_id, answer FROM audits WHERE audit_id = $1 AND answer IS NOT NULL", audit_id
    )
