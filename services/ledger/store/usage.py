"""SQL over the usage meter."""

from collections.abc import Sequence

from services.ledger.domain import Usage
from shared.outcome import Connection


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
