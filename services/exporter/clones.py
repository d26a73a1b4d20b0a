"""The exporter's SQL for jobs that take over results of others, in portions: a job may have a million."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.exporter.batch_rows import Clone
from services.exporter.store import columns
from shared.events import Event
from shared.outcome import Connection


@dataclass(frozen=True, slots=True)
class DueClone:
    """A clone whose turn has come. `is_late`: its original has had time enough to become complete, or is gone."""

    job_id: UUID
    account_id: str
    original_id: UUID
    results_copied: int
    copied_seq: int
    is_late: bool


async def insert_clones(connection: Connection, clones: Sequence[Clone]) -> Sequence[Event]:
    """Have results taken over, but not into a job that is gone."""
    await connection.execute(
        """
        INSERT INTO clones (job_id, account_id, original_id, results_copied, stretches)
        SELECT job_id, account_id, original_id, results_copied, stretches::int4multirange
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::text[])
             AS new (job_id, account_id, original_id, results_copied, stretches)
        WHERE NOT EXISTS (SELECT FROM deleted_jobs WHERE deleted_jobs.job_id = new.job_id)
        ORDER BY new.job_id
        ON CONFLICT DO NOTHING
        """,
        *columns(sorted(clones, key=lambda clone: clone.job_id), *Clone.__slots__),
    )
    return ()


async def lock_due(connection: Connection, again_seconds: float, late_seconds: float) -> DueClone | None:
    """Take the clone that has waited longest; if it is not moved on, it is looked at again after a while."""
    row = await connection.fetchrow(
        """
        UPDATE clones SET next_copy_at = now() + make_interval(secs => $1)
        WHERE job_id = (
            SELECT job_id FROM clones
            WHERE next_copy_at <= now()
            ORDER BY next_copy_at
            LIMIT 1
            FOR UPDATE SKIP LOCKED
        )
        RETURNING job_id, account_id, original_id, results_copied, copied_seq,
                  created_at < now() - make_interval(secs => $2) OR EXISTS (
                      SELECT FROM deleted_jobs
                      WHERE deleted_jobs.job_id = clones.original_id AND closed_at IS NOT NULL
                  ) AS is_late
        """,
        again_seconds,
        late_seconds,
    )
    return DueClone(**row) if row else None


async def find_complete_original(connection: Connection, clone: DueClone) -> bool:
    """Whether the original is known, with as many findings as are to be copied."""
    return bool(
        await connection.fetchval(
            """
            SELECT count(*) >= $3
            FROM findings
            JOIN clones ON clones.job_id = $4
            WHERE findings.job_id = $1 AND findings.account_id = $2
              AND (stretches IS NULL OR seq <@ stretches)
              AND EXISTS (SELECT FROM jobs WHERE jobs.job_id = $1 AND jobs.account_id = $2)
            """,
            clone.original_id,
            clone.account_id,
            clone.results_copied,
            clone.job_id,
        )
    )


async def copy_job(connection: Connection, clone: DueClone) -> None:
    """Know the clone by what its original carries until it is submitted itself, as run 0."""
    await connection.execute(
        """
        INSERT INTO jobs (job_id, account_id, kind, run, images_total, columns)
        SELECT $1, account_id, kind, 0, images_total, columns
        FROM jobs
        WHERE job_id = $2 AND account_id = $3
        ON CONFLICT DO NOTHING
        """,
        clone.job_id,
        clone.original_id,
        clone.account_id,
    )


async def copy_portion(connection: Connection, clone: DueClone, limit: int) -> int | None:
    """Copy the next results with their findings as run 0; returns how far that was, None at the end.

    What the clone has found out itself meanwhile stands. Ids of images are those of shared/cloning.py.
    """
    copied_seq: int | None = await connection.fetchval(
        """
        WITH portion AS (
            SELECT findings.*, item, item_key, item_name, position, item_size,
                   md5($1::uuid::text || ':' || seq)::uuid AS new_image_id,
                   CASE WHEN state = 'succeeded' THEN blob END AS blob,
                   CASE WHEN state = 'succeeded' THEN format END AS format,
                   attempts, source_bytes, output_bytes
            FROM findings
            JOIN results USING (job_id, seq)
            JOIN clones ON clones.job_id = $1
            WHERE findings.job_id = $2 AND findings.account_id = $3 AND seq > $4
              AND (stretches IS NULL OR seq <@ stretches)
            ORDER BY seq
            LIMIT $5
        ), copied_results AS (
            INSERT INTO results (job_id, seq, run, account_id, image_id, item, item_key, item_name, position,
                                 item_size, source_url, state, blob, format, problem, detail, attempts, source_bytes,
                                 output_bytes)
            SELECT $1, seq, 0, account_id, new_image_id, item, item_key, item_name, position, item_size, url,
                   CASE WHEN success THEN 'succeeded' ELSE 'failed' END, blob, format, problem, detail, attempts,
                   source_bytes, output_bytes
            FROM portion
            ON CONFLICT DO NOTHING
        ), copied_findings AS (
            INSERT INTO findings (job_id, seq, run, account_id, image_id, url, success, processing_seconds, carried,
                                  ended_at, store_image, text_content, store_name, business_contact,
                                  image_description, problem, detail, provider, model, key_hint, cost_micros,
                                  cache_hit)
            SELECT $1, seq, 0, account_id, new_image_id, url, success, processing_seconds, carried, ended_at,
                   store_image, text_content, store_name, business_contact, image_description, problem, detail,
                   provider, model, key_hint, cost_micros, cache_hit
            FROM portion
            ON CONFLICT DO NOTHING
        )
        SELECT max(seq) FROM portion
        """,
        clone.job_id,
        clone.original_id,
        clone.account_id,
        clone.copied_seq,
        limit,
    )
    return copied_seq


async def mark_copied(connection: Connection, clone: DueClone, copied_seq: int) -> None:
    """Note how far a clone is; it goes on at once."""
    await connection.execute(
        "UPDATE clones SET copied_seq = $2, next_copy_at = now() WHERE job_id = $1", clone.job_id, copied_seq
    )


async def delete_clone(connection: Connection, clone: DueClone) -> None:
    """Forget a clone that has all that it can have."""
    await connection.execute("DELETE FROM clones WHERE job_id = $1", clone.job_id)
