"""What must be true of the books at every moment, whatever happened."""

from shared.outcome import Connection

UNBALANCED_TRANSFERS = """
    SELECT 'transfer ' || transfer_key || ': entries sum to ' || coalesce(sum(amount)::text, 'nothing')
    FROM transfers
    LEFT JOIN entries USING (transfer_id)
    GROUP BY transfer_key
    HAVING sum(amount) IS DISTINCT FROM 0
"""

TRANSFERS_OF_ANOTHER_KIND = """
    SELECT 'transfer ' || transfer_key || ': not from or to where a ' || reason || ' goes'
    FROM transfers
    WHERE NOT EXISTS (
        SELECT
        FROM entries
        WHERE entries.transfer_id = transfers.transfer_id
          AND entries.account_id =
              CASE WHEN reason IN ('capture', 'refund') THEN 'system:revenue' ELSE 'system:issuance' END
          AND sign(entries.amount) = CASE reason WHEN 'capture' THEN 1 ELSE -1 END
    )
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
        'hold ' || job_id || ' run ' || run || ': ' || coalesce(state, 'missing') || ' ' || coalesce(amount, 0)
        || ', captured ' || coalesce(holds.captured, 0) || ', voided ' || coalesce(holds.voided, 0)
        || ', settlements of ' || coalesce(images, 0) || ' images '
        || coalesce(settled.captured, 0) || ' and ' || coalesce(settled.voided, 0)
    FROM holds
    FULL JOIN (
        SELECT
            job_id,
            run,
            count(*) AS images,
            coalesce(sum(amount) FILTER (WHERE result = 'succeeded'), 0) AS captured,
            coalesce(sum(amount) FILTER (WHERE result <> 'succeeded'), 0) AS voided
        FROM settlements
        GROUP BY job_id, run
    ) AS settled USING (job_id, run)
    WHERE state IS NULL
       OR holds.captured <> coalesce(settled.captured, 0)
       OR holds.voided <> coalesce(settled.voided, 0)
       OR (
           state <> 'declined'
           AND amount <> holds.captured + holds.voided + (images_total - coalesce(images, 0)) * price_tokens
       )
"""

HOLDS_THAT_DIFFER_FROM_CAPTURES = """
    SELECT
        'hold ' || job_id || ' run ' || run || ': captured ' || coalesce(captured, 0)
        || ', paid ' || coalesce(paid, 0)
    FROM holds
    FULL JOIN (
        SELECT job_id, run, account_id, -sum(amount) AS paid
        FROM transfers
        JOIN entries USING (transfer_id)
        WHERE reason IN ('capture', 'refund')
          AND account_id <> 'system:revenue'
        GROUP BY job_id, run, account_id
    ) AS captures USING (job_id, run, account_id)
    WHERE coalesce(captured, 0) <> coalesce(paid, 0)
"""

CLOCKS_IN_THE_FUTURE = """
    SELECT 'account ' || account_id || ': regenerated until ' || regenerated_at
    FROM accounts
    WHERE regenerated_at > clock_timestamp()
"""

RULES = (
    UNBALANCED_TRANSFERS,
    TRANSFERS_OF_ANOTHER_KIND,
    BALANCES_THAT_DIFFER_FROM_ENTRIES,
    BALANCES_THAT_DIFFER_FROM_HOLDS,
    HOLDS_THAT_DIFFER_FROM_SETTLEMENTS,
    HOLDS_THAT_DIFFER_FROM_CAPTURES,
    CLOCKS_IN_THE_FUTURE,
)


async def find_violations(connection: Connection) -> list[str]:
    """One sentence per rule and thing that breaks it, seen at one moment; none when the books are right."""
    return [row[0] for row in await connection.fetch(" UNION ALL ".join(RULES))]
