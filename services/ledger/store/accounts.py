"""SQL over accounts: their locks, balances and clocks."""

from collections.abc import Collection, Sequence

from services.ledger.domain import Balance, Change, Clock, ClockMove
from shared.outcome import Connection


async def insert_accounts(connection: Connection, account_ids: Collection[str]) -> set[str]:
    """Open the accounts that do not exist; returns those."""
    rows = await connection.fetch(
        """
        INSERT INTO accounts (account_id)
        SELECT unnest($1::text[])
        ON CONFLICT DO NOTHING
        RETURNING account_id
        """,
        sorted(account_ids),
    )
    return {row["account_id"] for row in rows}


async def lock_accounts(connection: Connection, account_ids: Collection[str]) -> list[Clock]:
    """Keep the accounts to this transaction; always in the same order, so that nobody waits in a circle."""
    rows = await connection.fetch(
        """
        SELECT account_id, posted, regenerated_at, now()
        FROM accounts
        WHERE account_id = ANY($1::text[])
          AND NOT system
        ORDER BY account_id
        FOR NO KEY UPDATE
        """,
        list(account_ids),
    )
    return [Clock(*row) for row in rows]


async def lock_accounts_to_credit(
    connection: Connection, seconds: int, tokens_max: int, accounts_max: int
) -> list[str]:
    """Keep to this transaction some accounts that are to be given something, those left out that others hold."""
    rows = await connection.fetch(
        """
        SELECT account_id
        FROM accounts
        WHERE regenerated_at <= now() - make_interval(secs => $1)
          AND posted < $2
        ORDER BY regenerated_at
        LIMIT $3
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        seconds,
        tokens_max,
        accounts_max,
    )
    return [row["account_id"] for row in rows]


async def move_clocks(connection: Connection, moves: Sequence[ClockMove]) -> set[str]:
    """Move the clocks that still stand where they are moved from; returns their accounts."""
    rows = await connection.fetch(
        """
        UPDATE accounts
        SET regenerated_at = move.until
        FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS move (account_id, since, until)
        WHERE accounts.account_id = move.account_id
          AND accounts.regenerated_at = move.since
        RETURNING accounts.account_id
        """,
        [move.account_id for move in moves],
        [move.since for move in moves],
        [move.until for move in moves],
    )
    return {row["account_id"] for row in rows}


async def change_balances(connection: Connection, changes: Sequence[Change]) -> dict[str, Balance]:
    """Apply the changes, one update per account and one version per change; returns the accounts after all of them.

    Raises CheckViolationError for what an account does not have.
    """
    rows = await connection.fetch(
        """
        UPDATE accounts
        SET posted = accounts.posted + change.posted,
            held = accounts.held + change.held,
            version = accounts.version + change.changes
        FROM (
            SELECT account_id, sum(posted)::bigint AS posted, sum(held)::bigint AS held, count(*) AS changes
            FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS change (account_id, posted, held)
            GROUP BY account_id
        ) AS change
        WHERE accounts.account_id = change.account_id
        RETURNING
            accounts.account_id,
            accounts.posted, accounts.held, accounts.version, now() AS changed_at, accounts.regenerated_at
        """,
        [change.account_id for change in changes],
        [change.posted for change in changes],
        [change.held for change in changes],
    )
    return {account_id: Balance(*balance) for account_id, *balance in rows}
