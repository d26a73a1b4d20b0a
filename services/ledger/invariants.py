"""What must be true of the books at every moment, whatever happened."""

from shared.outcome import Connection

UNBALANCED_TRANSFERS = """
    SELECT 'transfer ' || transfer_key || ': entries sum to ' || coalesce(sum(amount)::text, 'nothing')
    FROM transfers
    LEFT JOIN entries USING (transfer_id)
    GROUP BY transfer_key
    HAVING sum(amount) IS DISTINCT FROM 0
"""

BALANCES_THAT_DIFFER_FROM_ENTRIES = """
    SELECT 'account ' || account_id || ': posted ' || posted || ', entries ' || coalesce(sum(amount), 0)
    FROM accounts
    LEFT JOIN entries USING (account_id)
    WHERE NOT system
    GROUP BY account_id
    HAVING posted <> coalesce(sum(amount), 0)
"""

BALANCES_THAT_DIFFER_FROM_HOLDS = """
    SELECT 'account ' || account_id || ': held ' || accounts.held || ', pending holds ' || coalesce(sum(pending), 0)
    FROM accounts
    LEFT JOIN (SELECT account_id, amount - captured - voided AS pending FROM holds WHERE state = 'held') AS open
        USING (account_id)
    GROUP BY account_id
    HAVING accounts.held <> coalesce(sum(pending), 0)
"""

HOLDS_THAT_DIFFER_FROM_SETTLEMENTS = """
    SELECT
        'hold ' || job_id || ' run ' || run || ': ' || state || ' ' || amount
        || ', captured ' || holds.captured || ', voided ' || holds.voided || ', settlements of '
        || coalesce(images, 0) || ' images ' || coalesce(settled.captured, 0) || ' and ' || coalesce(settled.voided, 0)
    FROM holds
    LEFT JOIN (
        SELECT
            job_id,
            run,
            count(*) AS images,
            sum(amount) FILTER (WHERE result = 'succeeded') AS captured,
            sum(amount) FILTER (WHERE result <> 'succeeded') AS voided
        FROM settlements
        GROUP BY job_id, run
    ) AS settled USING (job_id, run)
    WHERE holds.captured <> coalesce(settled.captured, 0)
       OR holds.voided <> coalesce(settled.voided, 0)
       OR (
           state <> 'declined'
           AND amount <> holds.captured + holds.voided + (images_total - coalesce(images, 0)) * price_tokens
       )
"""

HOLDS_THAT_DIFFER_FROM_CAPTURES = """
    SELECT 'hold ' || job_id || ' run ' || run || ': captured ' || captured || ', paid ' || coalesce(paid, 0)
    FROM holds
    LEFT JOIN (
        SELECT job_id, run, sum(amount) AS paid
        FROM transfers
        JOIN entries USING (transfer_id)
        WHERE reason = 'capture'
          AND amount > 0
        GROUP BY job_id, run
    ) AS captures USING (job_id, run)
    WHERE captured <> coalesce(paid, 0)
"""

RULES = (
    UNBALANCED_TRANSFERS,
    BALANCES_THAT_DIFFER_FROM_ENTRIES,
    BALANCES_THAT_DIFFER_FROM_HOLDS,
    HOLDS_THAT_DIFFER_FROM_SETTLEMENTS,
    HOLDS_THAT_DIFFER_FROM_CAPTURES,
)


async def find_violations(connection: Connection) -> list[str]:
    """One sentence per rule and thing that breaks it, seen at one moment; none when the books are right."""
    return [row[0] for row in await connection.fetch(" UNION ALL ".join(RULES))]
