"""What must be true of an account when its albums' jobs are over, whatever was killed meanwhile."""

import asyncio
from collections.abc import Sequence

import httpx

from deploy.local.stack import Stack
from tests.album_builders import (
    GIVEN_BACK,
    Album,
    Json,
    balance_of,
    jobs_of,
    lines_of,
    post_enhance,
    said,
    statement_of,
)
from tests.album_callers import Callers
from tests.eventually import eventually
from tests.invariants import ask

EARNED = ("EARN_REGENERATION", "EARN_PURCHASE", "EARN_BONUS")
ATTEMPTS_MAX = 12
PATIENCE_SECONDS_MAX = 5


async def until_accepted(client: httpx.AsyncClient, album: Album, key: str) -> Json:
    """Repeat a call with its Idempotency-Key, as a careful client does, until it is accepted; the answer."""
    said_last = ""
    for _ in range(ATTEMPTS_MAX):
        try:
            answer = await post_enhance(client, album, key=key)
        except httpx.TransportError as error:
            said_last, waiting = repr(error), 1.0
        else:
            if answer.status_code == 200:
                return dict(answer.json())
            assert answer.status_code in (409, 503), answer.text
            said_last, waiting = answer.text, float(answer.headers.get("retry-after", 1))
        await asyncio.sleep(min(waiting, PATIENCE_SECONDS_MAX))
    raise AssertionError(f"not accepted after {ATTEMPTS_MAX} attempts: {said_last}")


async def until_over(client: httpx.AsyncClient, batch_ids: Sequence[str], seconds_max: float) -> list[Json]:
    """Wait until all jobs of these batches have ended, while the gateway may come and go; the jobs."""

    async def over() -> list[Json]:
        try:
            jobs = [job for batch_id in batch_ids for job in await jobs_of(client, batch_id)]
        except httpx.TransportError as error:
            raise AssertionError(f"the gateway is away: {error!r}") from error
        assert {job["status"] for job in jobs} <= {"COMPLETED", *GIVEN_BACK}, [job["status"] for job in jobs]
        return jobs

    return await eventually(over, seconds_max)


def assert_adds_up(statement: Sequence[Json]) -> None:
    """Every line's balance is the line's before it and its amount, from nothing on."""
    balance = 0
    for line in statement:
        balance += line["amount"]
        assert line["balanceAfter"] == balance, f"{line} in {statement}"
        assert balance >= 0, f"{line} in {statement}"
    assert len({line["id"] for line in statement}) == len(statement)


async def assert_paid_right(client: httpx.AsyncClient, image_ids: Sequence[str], batch_ids: Sequence[str]) -> None:
    """Completed images are paid, the others given back once, and the balance is what came in less what was paid.

    A call that was answered 503 may have left a cancelled job: it must have cost nothing.
    """
    accepted = {job["id"] for batch_id in batch_ids for job in await jobs_of(client, batch_id)}
    jobs = {job["id"]: job for image_id in image_ids for job in await jobs_of_image(client, image_id)}
    balance, statement = await eventually(lambda: _balance_with_statement(client))
    assert_adds_up(statement)
    spent, refunds = lines_of(statement, "SPEND_ENHANCEMENT"), lines_of(statement, "REFUND")
    given_back = {line["sourceId"]: line["amount"] for line in refunds}
    stopped = {job_id: job["tokensCost"] for job_id, job in jobs.items() if job["status"] in GIVEN_BACK}
    assert len(refunds) == len(given_back), "given back twice"
    assert given_back.items() <= stopped.items()
    assert accepted & stopped.keys() <= given_back.keys()
    assert sorted(line["sourceId"] for line in spent if line["sourceId"] in batch_ids) == sorted(batch_ids)
    paid = sum(job["tokensCost"] for job in jobs.values() if job["status"] == "COMPLETED")
    assert -sum(line["amount"] for line in (*spent, *refunds)) == paid
    assert balance == sum(line["amount"] for line in statement if line["type"] in EARNED) - paid


async def jobs_of_image(client: httpx.AsyncClient, image_id: str) -> list[Json]:
    """Every job that an image ever had."""
    return list((await said(await client.get(f"/api/images/{image_id}")))["image"]["jobs"])


async def _balance_with_statement(client: httpx.AsyncClient) -> tuple[int, list[Json]]:
    """Both of one moment: tokens regenerate meanwhile."""
    balance, statement = await balance_of(client), await statement_of(client)
    assert statement[-1]["balanceAfter"] == balance
    return balance, statement


async def assert_one_job_each(client: httpx.AsyncClient, album: Album, batch_id: str) -> None:
    """Each image of an album has exactly one job that was not cancelled: the one of the batch."""
    expected = {job["image"]["id"]: [job["id"]] for job in await jobs_of(client, batch_id)}
    found = {image_id: await jobs_of_image(client, image_id) for image_id in album.image_ids}
    assert expected == {
        image_id: [job["id"] for job in jobs if job["status"] != "CANCELLED"] for image_id, jobs in found.items()
    }


async def assert_nothing_held(stack: Stack, account_id: str) -> None:
    """The ledger keeps nothing of the account's aside."""
    rows = await ask(stack.urls.postgres["ledger"], "SELECT account_id, held FROM accounts WHERE NOT system")
    assert {row["account_id"]: row["held"] for row in rows}[account_id] == 0


async def assert_books_hold(callers: Callers) -> None:
    """The system's own audit finds nothing."""
    found = await said(await callers.operator.get("/api/ledger/invariants"))
    assert found["violations"] == []
    assert found["checks"]
    assert all(check["ok"] for check in found["checks"]), found
    assert found["granted"] - found["captured"] == found["posted"]
    assert found["held"] == 0
