"""SQL over transfers and their entries."""

from collections.abc import Sequence

import asyncpg

from services.ledger.domain import Transfer
from shared.outcome import Connection


async def insert_transfers(connection: Connection, transfers: Sequence[Transfer]) -> set[str]:
    """Write transfers with distinct keys and their two entries each; returns the keys that were new."""
    rows = await connection.fetch(
        """
        WITH wanted AS (
            SELECT *
            FROM unnest($1::text[], $2::text[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::bigint[],
                        $8::text[])
                AS transfer (transfer_key, reason, job_id, run, source, target, amount, note)
        ), made AS (
            INSERT INTO transfers (transfer_key, reason, job_id, run, note)
            SELECT transfer_key, reason, job_id, run, note
            FROM wanted
            ON CONFLICT (transfer_key) DO NOTHING
            RETURNING transfer_id, transfer_key
        ), entered AS (
            INSERT INTO entries (transfer_id, account_id, amount)
            SELECT transfer_id, side.account_id, side.amount
            FROM made
            JOIN wanted USING (transfer_key)
            CROSS JOIN LATERAL (VALUES (source, -amount), (target, amount)) AS side (account_id, amount)
        )
        SELECT transfer_key FROM made
        """,
        [transfer.key for transfer in transfers],
        [transfer.reason for transfer in transfers],
        [transfer.job_id for transfer in transfers],
        [transfer.run for transfer in transfers],
        [transfer.source for transfer in transfers],
        [transfer.target for transfer in transfers],
        [transfer.amount for transfer in transfers],
        [transfer.note for transfer in transfers],
    )
    return {row["transfer_key"] for row in rows}


async def sum_books(connection: Connection) -> asyncpg.Record:
    """The books in figures: see AuditCompleted."""
    row = await connection.fetchrow(
        """
        SELECT
            now() AS audited_at,
            (SELECT count(*) FROM accounts WHERE NOT system) AS accounts,
            (SELECT count(*) FROM transfers) AS transfers,
            (SELECT coalesce(-sum(amount), 0)::bigint FROM entries WHERE account_id = 'system:issuance') AS granted,
            (SELECT coalesce(sum(amount), 0)::bigint FROM entries WHERE account_id = 'system:revenue') AS captured,
            (SELECT coalesce(sum(posted), 0)::bigint FROM accounts) AS posted,
            (SELECT coalesce(sum(held), 0)::bigint FROM accounts) AS held
        """
    )
    assert row is not None
    return row
