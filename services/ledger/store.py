"""The ledger's statements. Callers lock the accounts first; constraints guard what they forget."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.ledger.domain import Change, Hold, SettledRun, Settlement, Transfer, Usage
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class Balance:
    """An account after a change."""

    posted: int
    held: int
    version: int


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


async def lock_accounts(connection: Connection, account_ids: Collection[str]) -> None:
    """Keep the accounts to this transaction; always in the same order, so that nobody waits in a circle."""
    await connection.execute(
        """
        SELECT FROM accounts
        WHERE account_id = ANY($1::text[])
        ORDER BY account_id
        FOR NO KEY UPDATE
        """,
        list(account_ids),
    )


async def insert_transfers(connection: Connection, transfers: Sequence[Transfer]) -> set[str]:
    """Write transfers with distinct keys and their two entries each; returns the keys that were new."""
    rows = await connection.fetch(
        """
        WITH wanted AS (
            SELECT *
            FROM unnest($1::text[], $2::text[], $3::uuid[], $4::integer[], $5::text[], $6::text[], $7::bigint[])
                AS transfer (transfer_key, reason, job_id, run, source, target, amount)
        ), made AS (
            INSERT INTO transfers (transfer_key, reason, job_id, run)
            SELECT transfer_key, reason, job_id, run
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
    )
    return {row["transfer_key"] for row in rows}


async def change_balances(connection: Connection, changes: Sequence[Change]) -> dict[str, Balance]:
    """Apply the changes, one update per account; raises CheckViolationError for what an account does not have."""
    rows = await connection.fetch(
        """
        UPDATE accounts
        SET posted = accounts.posted + change.posted,
            held = accounts.held + change.held,
            version = accounts.version + 1
        FROM (
            SELECT account_id, sum(posted)::bigint AS posted, sum(held)::bigint AS held
            FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS change (account_id, posted, held)
            GROUP BY account_id
        ) AS change
        WHERE accounts.account_id = change.account_id
        RETURNING accounts.account_id, accounts.posted, accounts.held, accounts.version
        """,
        [change.account_id for change in changes],
        [change.posted for change in changes],
        [change.held for change in changes],
    )
    return {row["account_id"]: Balance(row["posted"], row["held"], row["version"]) for row in rows}


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


async def insert_settlements(connection: Connection, settlements: Sequence[Settlement]) -> list[SettledRun]:
    """Settle images that are not settled, and move their holds by just these; of two outcomes the first stands."""
    rows = await connection.fetch(
        """
        WITH settled AS (
            INSERT INTO settlements (image_id, run, job_id, result, amount)
            SELECT image_id, run, job_id, result, CASE holds.state WHEN 'declined' THEN 0 ELSE price_tokens END
            FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[])
                WITH ORDINALITY AS outcome (image_id, run, job_id, result, place)
            JOIN holds USING (job_id, run)
            ORDER BY place
            ON CONFLICT (image_id, run) DO NOTHING
            RETURNING image_id, run, job_id, result, amount
        ), sums AS (
            SELECT
                job_id,
                run,
                min(image_id::text)::uuid AS first_image_id,
                coalesce(sum(amount) FILTER (WHERE result = 'succeeded'), 0)::bigint AS captured,
                count(*) FILTER (WHERE result = 'succeeded') AS images_captured,
                coalesce(sum(amount) FILTER (WHERE result <> 'succeeded'), 0)::bigint AS voided,
                count(*) FILTER (WHERE result <> 'succeeded') AS images_voided
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
        RETURNING account_id, sums.*
        """,
        [settlement.image_id for settlement in settlements],
        [settlement.run for settlement in settlements],
        [settlement.job_id for settlement in settlements],
        [settlement.result for settlement in settlements],
    )
    return [SettledRun(**dict(row)) for row in rows]


async def add_usage(connection: Connection, usages: Sequence[Usage]) -> None:
    """Add to the meters of the day (UTC); rows in one order, so that replicas do not wait in a circle."""
    await connection.execute(
        """
        INSERT INTO usage
            (account_id, day, images_succeeded, images_failed, images_cancelled, source_bytes, rendition_bytes)
        SELECT
            account_id, (now() AT TIME ZONE 'UTC')::date,
            sum(succeeded), sum(failed), sum(cancelled), sum(source), sum(rendition)
        FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
            AS used (account_id, succeeded, failed, cancelled, source, rendition)
        GROUP BY account_id
        ORDER BY account_id
        ON CONFLICT (account_id, day) DO UPDATE
        SET images_succeeded = usage.images_succeeded + excluded.images_succeeded,
            images_failed = usage.images_failed + excluded.images_failed,
            images_cancelled = usage.images_cancelled + excluded.images_cancelled,
            source_bytes = usage.source_bytes + excluded.source_bytes,
            rendition_bytes = usage.rendition_bytes + excluded.rendition_bytes
        """,
        [usage.account_id for usage in usages],
        [usage.images_succeeded for usage in usages],
        [usage.images_failed for usage in usages],
        [usage.images_cancelled for usage in usages],
        [usage.source_bytes for usage in usages],
        [usage.rendition_bytes for usage in usages],
    )


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
