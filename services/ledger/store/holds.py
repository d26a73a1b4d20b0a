"""SQL over holds."""

from collections.abc import Collection, Sequence
from uuid import UUID

from services.ledger.domain import Hold
from shared.outcome import Connection


async def insert_holds(connection: Connection, holds: Sequence[Hold]) -> dict[tuple[UUID, int], bool]:
    """Decide on holds of distinct runs, oldest job first, each wholly or not at all; returns new run -> held?."""
    rows = await connection.fetch(
        """
        WITH RECURSIVE wanted AS (
            SELECT
                hold.*,
                images_total::bigint * price_tokens AS amount,
                row_number() OVER (PARTITION BY account_id ORDER BY job_id, run) AS place
            FROM unnest($1::text[], $2::uuid[], $3::integer[], $4::integer[], $5::integer[])
                AS hold (account_id, job_id, run, images_total, price_tokens)
            WHERE NOT EXISTS (SELECT FROM holds WHERE holds.job_id = hold.job_id AND holds.run = hold.run)
        ), decided AS (
            SELECT account_id, 0::bigint AS place, posted - held AS free, false AS fits
            FROM accounts
            WHERE account_id = ANY($1::text[])
            UNION ALL
            SELECT
                account_id,
                wanted.place,
                CASE WHEN amount <= free THEN free - amount ELSE free END,
                amount <= free
            FROM decided
            JOIN wanted USING (account_id)
            WHERE wanted.place = decided.place + 1
        )
        INSERT INTO holds (account_id, job_id, run, images_total, price_tokens, amount, state)
        SELECT
            account_id, job_id, run, images_total, price_tokens, amount,
            CASE WHEN NOT fits THEN 'declined' WHEN amount = 0 THEN 'settled' ELSE 'held' END
        FROM wanted
        LEFT JOIN decided USING (account_id, place)
        RETURNING job_id, run, state
        """,
        [hold.account_id for hold in holds],
        [hold.job_id for hold in holds],
        [hold.run for hold in holds],
        [hold.images_total for hold in holds],
        [hold.price_tokens for hold in holds],
    )
    return {(row["job_id"], row["run"]): row["state"] != "declined" for row in rows}


async def count_missing_holds(connection: Connection, runs: Collection[tuple[UUID, int]]) -> int:
    """How many of the runs have no hold yet, not even a declined one."""
    return int(
        await connection.fetchval(
            """
            SELECT count(*)
            FROM unnest($1::uuid[], $2::integer[]) AS wanted (job_id, run)
            WHERE NOT EXISTS (SELECT FROM holds WHERE holds.job_id = wanted.job_id AND holds.run = wanted.run)
            """,
            [job_id for job_id, _ in runs],
            [run for _, run in runs],
        )
    )
