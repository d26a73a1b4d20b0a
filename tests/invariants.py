"""What must hold whenever nothing is under way, whatever happened before."""

import aio_pika
import asyncpg

from deploy.local.state import SERVICES
from deploy.local.urls import Urls
from services.ledger.invariants import find_violations
from shared.topology import subscriptions
from tests.batch_invariants import assert_batches_count_their_rows
from tests.eventually import eventually
from tests.rows import ask as ask

QUIET_SECONDS_MAX = 60

JOBS_WHOSE_COUNTERS_DIFFER = """
    SELECT job_id, jobs.state, in_flight, items_ended, counted.*
    FROM jobs
    JOIN (
        SELECT job_id,
               count(*) AS total,
               count(*) FILTER (WHERE state = 'pending') AS pending,
               count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE state = 'failed') AS failed,
               count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
               count(DISTINCT item) AS items,
               coalesce(sum(source_bytes), 0) AS bytes_in,
               coalesce(sum(rendition_bytes), 0) AS bytes_out
        FROM images
        GROUP BY job_id
    ) AS counted USING (job_id)
    WHERE jobs.state IN ('awaiting_tokens', 'open', 'cancelling')
       OR pending > 0 AND jobs.state <> 'pending'
       OR in_flight <> 0
       OR (images_total, images_succeeded, images_failed, images_cancelled) <> (total, succeeded, failed, cancelled)
       OR items_total <> items
       OR items_ended <> items AND jobs.state <> 'pending'
       OR (jobs.source_bytes, jobs.rendition_bytes) <> (bytes_in, bytes_out)
       OR (completed_at IS NULL) <> (jobs.state = 'pending')
"""

PENDING_JOBS = "SELECT job_id FROM jobs WHERE state = 'pending'"

LEFT_TO_SAY = """
    SELECT event_type, queue, reason, attempt
    FROM outbox
    WHERE event_type <> 'service.reported.v1' OR queue IS NOT NULL
    LIMIT 5
"""

NEVER_QUIET = frozenset({"gateway.service.reported.v1"})
"""Services report themselves all the time; only what could not be handled is looked at."""

OPEN_HOLDS = "SELECT * FROM holds WHERE state NOT IN ('declined') AND amount <> captured + voided"

SETTLEMENTS = """
    SELECT image_id::text, result
    FROM (SELECT DISTINCT ON (image_id) image_id, result FROM settlements ORDER BY image_id, run DESC) AS last
    ORDER BY 1
"""

PRICED_IMAGES = """
    SELECT image_id::text, images.state::text AS result
    FROM images JOIN jobs USING (job_id)
    WHERE price_tokens > 0
    ORDER BY 1
"""

RESULTS = "SELECT job_id, seq, image_id, state, run, blob AS digest, problem FROM results ORDER BY job_id, seq"
IMAGES = "SELECT job_id, seq, image_id, state::text, run, digest, problem FROM images ORDER BY job_id, seq"

MESSAGES_OF_RUNS = """
    SELECT job_id, run FROM deliveries WHERE NOT is_resend GROUP BY job_id, run HAVING count(DISTINCT message_id) <> 1
"""

STATEMENTS_THAT_DO_NOT_ADD_UP = """
    SELECT account_id, balance - held AS available, told.*, spent, earned, refunded, transactions
    FROM balances
    FULL JOIN (
        SELECT account_id, sum(amount) AS amounts, count(*) AS lines, max(latest) AS latest
        FROM (
            SELECT *, first_value(balance_after) OVER newest_first AS latest
            FROM transactions
            WINDOW newest_first AS (PARTITION BY account_id ORDER BY version DESC, line DESC)
        ) AS lines
        GROUP BY account_id
    ) AS told USING (account_id)
    WHERE (balance - held, transactions) IS DISTINCT FROM (coalesce(amounts, 0), coalesce(lines, 0))
       OR balance - held <> coalesce(latest, 0)
       OR balance - held <> earned + refunded - spent
"""


async def messages_in(amqp_url: str) -> dict[str, int]:
    """Every queue that is not empty, the dead letters' too, with the number of its messages."""
    found: dict[str, int] = {}
    async with await aio_pika.connect(amqp_url, timeout=5) as connection:
        channel = await connection.channel()
        for subscription in subscriptions():
            for name in (subscription.queue, subscription.dead_queue):
                queue = await channel.declare_queue(name, passive=True)
                if queue.declaration_result.message_count:
                    found[name] = queue.declaration_result.message_count
    return found


async def assert_quiet(urls: Urls) -> None:
    """Nothing is left to be said: outboxes and queues are empty, and so are the dead letters."""
    for service in SERVICES:
        waiting = await ask(urls.postgres[service], LEFT_TO_SAY)
        assert not waiting, f"{service} still has to say {waiting}"
    assert {name: left for name, left in (await messages_in(urls.amqp)).items() if name not in NEVER_QUIET} == {}


async def assert_projection_counts_its_rows(urls: Urls) -> None:
    """Every job that was started has ended, its images are in terminal states, and the counters say what rows say."""
    assert await ask(urls.postgres["gateway"], JOBS_WHOSE_COUNTERS_DIFFER) == []


async def assert_books_are_right(urls: Urls) -> None:
    """Every token is where it belongs: holds settled, each priced image settled once as it ended."""
    connection = await asyncpg.connect(urls.postgres["ledger"], timeout=5)
    try:
        assert await find_violations(connection) == []  # type: ignore[arg-type]
    finally:
        await connection.close()
    assert await ask(urls.postgres["ledger"], OPEN_HOLDS) == []
    settled = {row["image_id"]: row["result"] for row in await ask(urls.postgres["ledger"], SETTLEMENTS)}
    ended = {row["image_id"]: row["result"] for row in await ask(urls.postgres["gateway"], PRICED_IMAGES)}
    assert settled.keys() == ended.keys()
    differing = {(settled[image_id], result) for image_id, result in ended.items() if settled[image_id] != result}
    assert differing <= {("failed", "cancelled")}  # cancelled while its failure was on the way: void is void


async def assert_statements_add_up(urls: Urls) -> None:
    """What an account can spend is the sum of its statement's lines, and stands in the newest of them."""
    assert await ask(urls.postgres["gateway"], STATEMENTS_THAT_DO_NOT_ADD_UP) == []


async def assert_results_equal_projection(urls: Urls) -> None:
    """The exporter knows of every image what the gateway knows."""
    pending = {row["job_id"] for row in await ask(urls.postgres["gateway"], PENDING_JOBS)}  # may have earlier results
    told = await ask(urls.postgres["exporter"], RESULTS)
    known = await ask(urls.postgres["gateway"], IMAGES)
    assert [row for row in told if row["job_id"] not in pending] == [
        row for row in known if row["job_id"] not in pending
    ]
    assert await ask(urls.postgres["exporter"], MESSAGES_OF_RUNS) == []


async def assert_consistent(urls: Urls, seconds_max: float = QUIET_SECONDS_MAX) -> None:
    """Wait until nothing is under way, then assert all of the above."""
    await eventually(lambda: assert_projection_counts_its_rows(urls), seconds_max)  # albums are quiet between images
    await eventually(lambda: assert_quiet(urls), seconds_max)
    await assert_projection_counts_its_rows(urls)
    await eventually(lambda: assert_batches_count_their_rows(urls.postgres["gateway"]), 20)
    await eventually(lambda: assert_statements_add_up(urls), 5)
    await eventually(lambda: assert_results_equal_projection(urls), 5)
    await eventually(lambda: assert_books_are_right(urls), 5)
