"""Statements and balances on their own tables: every line once, whatever comes twice or late."""

import json
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings, strategies as st

from services.gateway import projection
from services.gateway.handlers import HANDLERS
from services.gateway.projection import RECORDERS
from services.gateway.store import jobs, transactions
from services.gateway.store.jobs import NewJob
from shared.db import MIGRATIONS, Database, migrate
from shared.envelope import new_id, new_traceparent
from shared.events import Event
from shared.facts import JobKind, Recipe
from shared.outcome import Connection
from tests.invariants import STATEMENTS_THAT_DO_NOT_ADD_UP
from tests.token_events import Telling

GATEWAY_MIGRATIONS = Path(projection.__file__).parent / "migrations"
BATCH_EVENTS_MAX = 9
PRICE = 5

LINES = """
    SELECT version, line, type, amount, balance_after, source, source_id, metadata, created_at
    FROM transactions WHERE account_id = $1 ORDER BY version, line
"""
BALANCE = "SELECT * FROM balances WHERE account_id = $1"
SUMS = {"SPEND": "spent", "EARN": "earned", "REFUND": "refunded"}
"""The columns of balances, by how the types of lines begin that they sum up."""

Rows = list[dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    """The gateway's tables."""
    opened = await Database.open(postgres_url, "gateway", connections_max=2)
    await migrate(opened, MIGRATIONS / "messaging", GATEWAY_MIGRATIONS)
    yield opened
    await opened.close()


async def heard(database: Database, events: Sequence[Event], batch: int = BATCH_EVENTS_MAX) -> None:
    """Record events as the loop does, so many to a transaction."""
    for start in range(0, len(events), batch):
        outcomes = [await HANDLERS[type(event)](event, None) for event in events[start : start + batch]]
        rows = [row for outcome in outcomes for row in outcome.record]
        async with database.transaction() as connection:
            for kind, record in RECORDERS.items():
                if found := [row for row in rows if type(row) is kind]:
                    await record(connection, found)


async def told(database: Database, account_id: str) -> tuple[Rows, Rows]:
    """An account's statement, the oldest line first, and its balance."""
    async with database.connection() as connection:
        lines = [dict(row) for row in await connection.fetch(LINES, account_id)]
        return lines, [dict(row) for row in await connection.fetch(BALANCE, account_id)]


async def job(database: Database, account_id: str, kind: JobKind, images: int, **more: Any) -> UUID:
    """A job with a price that waits for its tokens; `more`: its door's columns."""
    job_id, recipe = new_id(), Recipe(operation="copy")
    new = NewJob(job_id, account_id, kind, recipe, PRICE, None, None, "", new_traceparent(), images, images)
    async with database.transaction() as connection:
        await jobs.insert_job(connection, new)
        await connection.execute(
            "UPDATE jobs SET reference = $2, album_id = $3, tier = $4, door_facts = $5 WHERE job_id = $1",
            job_id,
            more.get("reference"),
            more.get("album_id"),
            more.get("tier"),
            json.dumps(more["door_facts"]) if "door_facts" in more else None,
        )
    return job_id


async def long_story(database: Database, telling: Telling) -> None:
    """Everything that can happen to an account's tokens, in the order in which it happens."""
    album = await job(database, telling.account_id, "album", 6, reference=f"album-{uuid4()}")
    products = await job(database, telling.account_id, "products", 100)
    images = [new_id() for _ in range(6)]
    telling.granted(100, "opening")
    telling.held_for(album, 30)
    telling.captured(album, 10, 2)
    telling.held_for(products, 100 * PRICE)
    telling.granted(900, "purchase", note="order 4711")
    telling.granted(3, "regeneration")
    telling.voided(album, PRICE, images[2:4])
    telling.voided(album, PRICE, images[4:], "cancelled")
    telling.reversed(album, PRICE, images[:1])
    telling.held_for(products, 100 * PRICE)
    for _ in range(5):
        telling.captured(products, 19 * PRICE, 19)
        telling.voided(products, PRICE, [new_id()])
    telling.granted(1, "regeneration")
    assert telling.held == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), repeats=st.integers(0, 20), batch=st.integers(1, BATCH_EVENTS_MAX))
async def test_any_order_and_any_repetition_gives_the_same_statement(
    database: Database, chance: random.Random, repeats: int, batch: int
) -> None:
    telling = Telling(f"shuffled-{uuid4()}")
    await long_story(database, telling)
    shuffled = [*telling.events, *chance.choices(telling.events, k=repeats)]
    chance.shuffle(shuffled)
    await heard(database, shuffled, batch)
    lines, (balance,) = await told(database, telling.account_id)
    assert (balance["balance"], balance["held"], balance["version"]) == (telling.posted, 0, telling.version)
    assert balance["regenerated_at"] == telling.events[-1].regenerated_at
    available = 0
    for line in lines:
        available += line["amount"]
        assert line["balance_after"] == available, line
    assert available == telling.posted
    amounts = {kind: sum(line["amount"] for line in lines if line["type"].startswith(kind)) for kind in SUMS}
    assert {name: balance[name] for name in SUMS.values()} == {
        "spent": -amounts["SPEND"], "earned": amounts["EARN"], "refunded": amounts["REFUND"],
    }  # fmt: skip
    assert balance["transactions"] == len(lines) == 16


async def test_a_grant_says_where_it_comes_from(database: Database) -> None:
    telling = Telling(f"granted-{uuid4()}")
    telling.opened()
    telling.granted(100, "opening")
    bonus = telling.granted(20, note="for the wait")
    purchase = telling.granted(500, "purchase")
    telling.granted(2, "regeneration")
    await heard(database, telling.events)
    lines, _ = await told(database, telling.account_id)
    account = telling.account_id
    assert [(line["type"], line["amount"], line["source"], line["source_id"]) for line in lines] == [
        ("EARN_BONUS", 100, "opening", account),
        ("EARN_BONUS", 20, "grant", str(bonus)),
        ("EARN_PURCHASE", 500, "grant", str(purchase)),
        ("EARN_REGENERATION", 2, "regeneration", account),
    ]
    assert [json.loads(line["metadata"]) for line in lines] == [{}, {"note": "for the wait"}, {}, {}]
    assert [line["created_at"] for line in lines] == [event.changed_at for event in telling.events[1:]]


async def test_a_hold_says_which_work_it_is_for(database: Database) -> None:
    telling, album_id, reference = Telling(f"held-{uuid4()}"), new_id(), f"album-{uuid4()}-1"
    account = telling.account_id
    facts = {"source": "album_batch_enhancement"}
    album = await job(
        database, account, "album", 4, reference=reference, album_id=album_id, tier="TIER_2K", door_facts=facts
    )
    products, unknown = await job(database, account, "products", 3), new_id()
    telling.granted(100)
    telling.held_for(album, 4 * PRICE)
    telling.held_for(products, 3 * PRICE)
    telling.held_for(unknown, PRICE)
    telling.held_for(products, 1000)
    telling.held_for(products, 0)
    await heard(database, telling.events)
    lines, _ = await told(database, account)
    assert [(line["amount"], line["balance_after"], line["source"], line["source_id"]) for line in lines[1:]] == [
        (-20, 80, "album_batch_enhancement", reference),
        (-15, 65, "products", str(products)),
        (-5, 60, "job", str(unknown)),
    ]
    assert {line["type"] for line in lines[1:]} == {"SPEND_ENHANCEMENT"}
    assert [json.loads(line["metadata"]) for line in lines[1:]] == [
        {"tier": "TIER_2K", "albumId": str(album_id), "imageCount": 4},
        {"imageCount": 3},
        {},
    ]


async def test_an_album_is_refunded_image_by_image_and_a_larger_job_at_once(database: Database) -> None:
    telling, images = Telling(f"voided-{uuid4()}"), [new_id() for _ in range(3)]
    album = await job(database, telling.account_id, "album", 3)
    products = await job(database, telling.account_id, "products", 2)
    telling.granted(100)
    telling.held_for(album, 15)
    telling.held_for(products, 10)
    telling.voided(album, PRICE, images[:2])
    telling.voided(album, PRICE, images[2:], "cancelled")
    telling.voided(products, PRICE, [new_id(), new_id()])
    await heard(database, telling.events)
    lines, _ = await told(database, telling.account_id)
    assert [(line["amount"], line["balance_after"], line["source"], line["source_id"]) for line in lines[3:]] == [
        (5, 80, "enhancement_failed", str(images[0])),
        (5, 85, "enhancement_failed", str(images[1])),
        (5, 90, "enhancement_cancelled", str(images[2])),
        (10, 100, "products_failed", str(products)),
    ]
    assert [json.loads(line["metadata"]) for line in lines[3:]] == [
        {"reason": "failed"}, {"reason": "failed"}, {"reason": "cancelled"}, {"images": 2, "reason": "failed"},
    ]  # fmt: skip


async def test_a_refund_tells_what_went_wrong_once_that_is_known(database: Database) -> None:
    telling, image_id = Telling(f"reason-{uuid4()}"), new_id()
    album = await job(database, telling.account_id, "album", 1)
    telling.granted(100)
    telling.held_for(album, PRICE)
    telling.voided(album, PRICE, [image_id])
    await heard(database, telling.events)
    async with database.transaction() as connection:
        before, *_ = await transactions.list_lines(connection, telling.account_id, None, 50, 0)
        await connection.execute(
            """
            INSERT INTO images (image_id, job_id, seq, item, item_key, item_name, position, item_size, source_url,
                                state, problem, detail)
            VALUES ($1, $2, 0, 1, '', '', 0, 1, '', 'failed', 'decode_failed', 'The picture ends early.')
            """,
            image_id,
            album,
        )
        after, *_ = await transactions.list_lines(connection, telling.account_id, None, 50, 0)
    assert (before["problem"], after["problem"]) == (None, "The picture ends early.")


async def test_captures_of_a_large_job_leave_no_lines(database: Database) -> None:
    telling = Telling(f"captures-{uuid4()}")
    products = await job(database, telling.account_id, "products", 1000)
    telling.granted(10_000)
    telling.held_for(products, 1000 * PRICE)
    for _ in range(20):
        telling.captured(products, 50 * PRICE, 50)
    await heard(database, telling.events, batch=50)
    lines, (balance,) = await told(database, telling.account_id)
    assert len(lines) == balance["transactions"] == 2
    assert (balance["balance"], balance["held"], balance["spent"]) == (5000, 0, 5000)


@pytest.mark.parametrize("change", ["DELETE FROM transactions", "UPDATE transactions SET amount = amount + 1"])
async def test_a_statement_that_does_not_add_up_is_found(database: Database, change: str) -> None:
    telling = Telling(f"changed-{uuid4()}")
    telling.granted(100)
    telling.granted(5)
    await heard(database, telling.events)

    async def found(connection: Connection) -> list[str]:
        return [row["account_id"] for row in await connection.fetch(STATEMENTS_THAT_DO_NOT_ADD_UP)]

    with pytest.raises(NothingIsKept):
        async with database.transaction() as connection:
            assert await found(connection) == []
            await connection.execute(f"{change} WHERE account_id = $1 AND version = 1", telling.account_id)
            assert await found(connection) == [telling.account_id]
            raise NothingIsKept


class NothingIsKept(Exception):
    """What was changed is taken back."""
