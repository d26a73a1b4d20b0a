"""SQL over settlements, which move the holds of their runs by just as much."""

from collections.abc import Sequence

from services.ledger.domain import ReversedRun, SettledRun, Settlement
from shared.outcome import Connection


async def insert_settlements(connection: Connection, settlements: Sequence[Settlement]) -> list[SettledRun]:
    """Settle images that are not settled, and move their holds by just these; of two outcomes the first stands."""
    rows = await connection.fetch(
        """
        WITH settled AS (
            INSERT INTO settlements (image_id, run, job_id, result, amount)
            SELECT image_id, run, job_id, result, CASE holds.state WHEN 'declined' THEN 0 ELSE price_tokens END
            FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[]) AS outcome (image_id, run, job_id, result)
            JOIN holds USING (job_id, run)
            ON CONFLICT (image_id, run) DO NOTHING
            RETURNING image_id, run, job_id, result, amount
        ), sums AS (
            SELECT
                job_id,
                run,
                coalesce(sum(amount) FILTER (WHERE result = 'succeeded'), 0)::bigint AS captured,
                coalesce(sum(amount) FILTER (WHERE result <> 'succeeded'), 0)::bigint AS voided,
                coalesce(array_agg(image_id ORDER BY image_id) FILTER (WHERE result = 'succeeded'), '{}') AS succeeded,
                coalesce(array_agg(image_id ORDER BY image_id) FILTER (WHERE result = 'failed'), '{}') AS failed,
                coalesce(array_agg(image_id ORDER BY image_id) FILTER (WHERE result = 'cancelled'), '{}') AS cancelled
            FROM settled
            WHERE amount > 0
            GROUP BY job_id, run
        )
        UPDATE holds
        SET captured = holds.captured + sums.captured,
            voided = holds.voided + sums.voided,
            state = CASE
                WHEN holds.captured + holds.voided + sums.captured + sums.voided = amount THEN 'settled'
                ELSE 'held'
            END
        FROM sums
        WHERE holds.job_id = sums.job_id
          AND holds.run = sums.run
        RETURNING account_id, holds.job_id, holds.run, price_tokens, succeeded, failed, cancelled
        """,
        [settlement.image_id for settlement in settlements],
        [settlement.run for settlement in settlements],
        [settlement.job_id for settlement in settlements],
        [settlement.result for settlement in settlements],
    )
    return [SettledRun(*row) for row in rows]


async def reverse_settlements(connection: Connection, cancelled: Sequence[Settlement]) -> list[ReversedRun]:
    """Of images that turned out to be cancelled, mark those that had succeeded, and move their holds by just these."""
    rows = await connection.fetch(
        """
        WITH reversed AS (
            UPDATE settlements
            SET result = 'cancelled'
            FROM unnest($1::uuid[], $2::integer[]) AS cancelled (image_id, run)
            WHERE settlements.image_id = cancelled.image_id
              AND settlements.run = cancelled.run
              AND settlements.result = 'succeeded'
            RETURNING settlements.image_id, settlements.run, settlements.job_id, settlements.amount
        ), sums AS (
            SELECT
                job_id,
                run,
                sum(amount)::bigint AS refunded,
                array_agg(image_id ORDER BY image_id) AS image_ids
            FROM reversed
            WHERE amount > 0
            GROUP BY job_id, run
        )
        UPDATE holds
        SET captured = holds.captured - sums.refunded,
            voided = holds.voided + sums.refunded
        FROM sums
        WHERE holds.job_id = sums.job_id
          AND holds.run = sums.run
        RETURNING account_id, holds.job_id, holds.run, price_tokens, image_ids
        """,
        [settlement.image_id for settlement in cancelled],
        [settlement.run for settlement in cancelled],
    )
    return [ReversedRun(*row) for row in rows]
