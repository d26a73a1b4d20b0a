"""SQL over rate windows: how often an account has called since its window began."""

import asyncpg

from shared.outcome import Connection


async def count_call(
    connection: Connection, account_id: str, policy: str, calls_max: int, window_seconds: int
) -> asyncpg.Record:
    """Count a call, unless there were calls_max; returns whether it is `allowed`, `calls`, and when the window ends.

    A window begins with its first call. Every gateway counts by the database's clock. A negative number in the row
    stands for as many calls and one that was refused: so one statement tells both.
    """
    row = await connection.fetchrow(
        """
        INSERT INTO rate_windows AS known (account_id, policy, started_at, calls)
        VALUES ($1, $2, now(), 1)
        ON CONFLICT (account_id, policy) DO UPDATE
        SET started_at = CASE WHEN known.started_at <= now() - make_interval(secs => $4)
                              THEN now() ELSE known.started_at END,
            calls = CASE WHEN known.started_at <= now() - make_interval(secs => $4)
                         THEN 1
                         WHEN abs(known.calls) < $3 THEN abs(known.calls) + 1
                         ELSE -abs(known.calls) END
        RETURNING calls > 0 AS allowed,
                  abs(calls) AS calls,
                  started_at + make_interval(secs => $4) AS reset_at,
                  extract(epoch FROM started_at + make_interval(secs => $4) - now())::float8 AS reset_seconds
        """,
        account_id,
        policy,
        calls_max,
        float(window_seconds),
    )
    assert row is not None
    return row
