"""SQL over balances: a copy of what the ledger last said of each account, and what it decided about runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class TokensDecided:
    """Whether a run's tokens are held."""

    job_id: UUID
    run: int
    held: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """An account after a change."""

    account_id: str
    balance: int
    held: int
    version: int


async def upsert_balances(connection: Connection, balances: Sequence[Balance]) -> None:
    """Keep the newest of each account."""
    newest = {each.account_id: each for each in sorted(balances, key=lambda each: each.version)}
    ordered = [newest[account_id] for account_id in sorted(newest)]
    await connection.execute(
        """
        INSERT INTO balances (account_id, balance, held, version)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
        ON CONFLICT (account_id) DO UPDATE
        SET balance = excluded.balance, held = excluded.held, version = excluded.version
        WHERE balances.version < excluded.version
        """,
        [each.account_id for each in ordered],
        [each.balance for each in ordered],
        [each.held for each in ordered],
        [each.version for each in ordered],
    )
