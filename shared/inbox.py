"""Once: an event's effect is recorded in the transaction that remembers the event's id."""

from collections.abc import Sequence
from uuid import UUID

from shared.outcome import Connection

DAYS_KEPT = 14
ROWS_DELETED_AT_ONCE = 10_000


async def add(connection: Connection, event_ids: Sequence[UUID]) -> set[UUID]:
    """Remember the events; returns those that are new here.

    What was given up without any effect is not remembered: sent in again, it has its effect then.
    """
    rows = await connection.fetch(
        """
        INSERT INTO inbox (event_id)
        SELECT unnest($1::uuid[])
        ON CONFLICT DO NOTHING
        RETURNING event_id
        """,
        sorted(event_ids),
    )
    return {row["event_id"] for row in rows}


async def list_known(connection: Connection, event_ids: Sequence[UUID]) -> set[UUID]:
    """Which of the events had their effect already."""
    rows = await connection.fetch("SELECT event_id FROM inbox WHERE event_id = ANY($1::uuid[])", event_ids)
    return {row["event_id"] for row in rows}


async def forget_old(connection: Connection) -> int:
    """Delete a bounded number of rows that no redelivery can ask for any more; returns how many."""
    return len(
        await connection.fetch(
            """
            DELETE FROM inbox
            WHERE event_id IN (
                SELECT event_id FROM inbox
                WHERE handled_at < now() - make_interval(days => $1)
                LIMIT $2
            )
            RETURNING event_id
            """,
            DAYS_KEPT,
            ROWS_DELETED_AT_ONCE,
        )
    )
