"""SQL over what operators look at: sums over batches, batches that are stuck, images that dead letters are about."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from shared.outcome import Connection

STUCK_AFTER_SECONDS = 3600


async def sum_batches(connection: Connection, account_id: str | None) -> asyncpg.Record:
    """An account's batches and their images, counted by their counters; None: of all accounts."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS batches,
               count(*) FILTER (WHERE status IN ('pending', 'queued', 'processing')) AS batches_active,
               count(*) FILTER (WHERE status = 'completed') AS batches_completed,
               coalesce(sum(images_succeeded), 0) AS succeeded,
               coalesce(sum(images_failed), 0) AS failed,
               coalesce(sum(in_flight), 0) AS in_flight,
               coalesce(sum(images_total - images_succeeded - images_failed - images_cancelled - in_flight)
                        FILTER (WHERE status IN ('pending', 'queued', 'processing', 'paused')), 0) AS waiting
        FROM batch_overviews
        WHERE $1::text IS NULL OR account_id = $1
        """,
        account_id,
    )
    assert row is not None
    return row


async def list_stuck(connection: Connection, account_id: str | None, limit: int) -> list[asyncpg.Record]:
    """Queued and processing batches that nothing was heard of for an hour, the longest first; None: of all accounts.

    Each with `stuck_total` and `stuck_images`: of all of them, whatever the limit.
    """
    return await connection.fetch(
        """
        SELECT *, images_total - images_succeeded - images_failed - images_cancelled AS images_left,
               count(*) OVER () AS stuck_total,
               sum(images_total - images_succeeded - images_failed - images_cancelled) OVER () AS stuck_images
        FROM batch_overviews
        WHERE ($1::text IS NULL OR account_id = $1)
          AND job_state = 'open' AND status IN ('queued', 'processing')
          AND updated_at < now() - make_interval(secs => $2)
          AND images_succeeded + images_failed + images_cancelled < images_total
        ORDER BY updated_at
        LIMIT $3
        """,
        account_id,
        float(STUCK_AFTER_SECONDS),
        limit,
    )


async def list_images(connection: Connection, image_ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
    """Those images that there are: their state and the run that it is of."""
    rows = await connection.fetch(
        "SELECT image_id, run, state::text AS state FROM images WHERE image_id = ANY($1::uuid[])", image_ids
    )
    return {row["image_id"]: row for row in rows}
