"""SQL that steers batches; the job of each is locked by whoever calls."""

from uuid import UUID

from shared.outcome import Connection


async def lock_active(connection: Connection, account_id: str) -> None:
    """Be the only one who makes a batch of this account active, until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('active batches ' || $1))", account_id)


async def mark_active(connection: Connection, job_id: UUID, active_max: int) -> int | None:
    """Let a pending or paused batch go on, as long as fewer than `active_max` others of its account are active.

    Returns the control's version, None when there are as many; the account's active batches are locked.
    """
    version: int | None = await connection.fetchval(
        """
        UPDATE jobs
        SET state = 'open', paused = false, control_version = control_version + 1, updated_at = now()
        WHERE job_id = $1 AND (state = 'pending' OR state = 'open' AND paused) AND (
            SELECT count(*)
            FROM jobs AS other
            WHERE other.account_id = jobs.account_id AND other.kind = 'batch' AND other.state = 'open'
              AND NOT other.paused
        ) < $2
        RETURNING control_version
        """,
        job_id,
        active_max,
    )
    return version


async def mark_queued(connection: Connection, job_id: UUID) -> None:
    """Note that a batch was started, resumed or restarted."""
    await connection.execute("UPDATE batches SET queued_at = now() WHERE job_id = $1", job_id)
