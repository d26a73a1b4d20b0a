"""The loop that hands webhook messages to their receivers: leased, signed, guarded, tried again by the schedule.

A message arrives at least once, under one id: a crash between a receiver's answer and our commit repeats the attempt
when its lease has ended. Nobody waits for a slow receiver but the messages to the same host.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.exporter import deliveries, domain, webhooks
from services.exporter.deliveries import Due
from services.exporter.domain import Answer, DelayBefore, Step
from shared import outbox
from shared.db import Database, Unavailable
from shared.envelope import enclose, new_traceparent
from shared.errors import Problem
from shared.events import Event, WebhookAbandoned, WebhookDelivered, WebhookRefused
from shared.outbox import Letter, Relay
from shared.seal import Seal, SealBroken
from shared.telemetry import log
from shared.web import GuardedClient
from shared.webhook_secrets import validate_secret

LOOKOUT_SECONDS = 0.3
FINISH_SECONDS = 4
POSTPONED_SECONDS = 2.0


class SecretUnusable(Problem):
    """The message cannot be signed: its secret is not here, or not one that our key opens."""

    def __init__(self) -> None:
        super().__init__("secret_unusable", self.__doc__ or "")


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Makes the attempts that are due, at most `concurrency` at once. `seal` None: no key is set, nothing is signed."""

    database: Database
    relay: Relay
    web: GuardedClient
    seal: Seal | None
    attempt_seconds: float
    lease_seconds: float
    concurrency: int
    delay_before: DelayBefore = webhooks.delay_before
    jitter: Callable[[], float] = random.random

    async def run(self) -> None:
        """Look out for due deliveries until cancelled; then those under way may finish for a moment."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                for due in await self._lease(self.concurrency - len(running)):
                    task = asyncio.create_task(self._deliver_surely(due))
                    running.add(task)
                    task.add_done_callback(running.discard)
                await _pause(running, is_full=len(running) >= self.concurrency)
        finally:
            await _finish(running)

    async def deliver(self, due: Due) -> None:
        """Make one attempt and record what came of it, with the event that says so."""
        attempted_at, started = datetime.now(UTC), time.perf_counter()
        answer = await self._ask(due, attempted_at)
        seconds = time.perf_counter() - started
        if domain.is_unasked(answer):
            async with self.database.transaction() as connection:
                await deliveries.postpone(connection, due, answer.retry_after_seconds or self._a_moment())
            return
        step = domain.step_after(answer, due.attempts + 1, self.jitter(), self.delay_before)
        posted = []
        async with self.database.transaction() as connection:
            next_attempt_at = await deliveries.mark_attempted(connection, due, step)
            if next_attempt_at is not None:
                await deliveries.insert_attempt(
                    connection, due, step, attempted_at=attempted_at, seconds=seconds, status=answer.status
                )
                event = _event_of(due, step, attempted_at, answer.status, next_attempt_at)
                letter = Letter(enclose(event, source="exporter", traceparent=new_traceparent()))
                posted = await outbox.add(connection, [letter])
        self.relay.publish(posted)

    async def _lease(self, room: int) -> list[Due]:
        if not room:
            return []
        async with self.database.transaction() as connection:
            return await deliveries.lease_due(connection, room, self.lease_seconds)

    async def _deliver_surely(self, due: Due) -> None:
        """What is not recorded is attempted again when its lease ends."""
        try:
            await self.deliver(due)
        except Unavailable as error:
            log.warning("delivery.not_recorded", delivery_id=str(due.delivery_id), error=repr(error))
        except Exception:
            log.exception("delivery.failed", delivery_id=str(due.delivery_id))

    async def _ask(self, due: Due, attempted_at: datetime) -> Answer:
        try:
            signature = self._sign(due, attempted_at)
            reply = await self.web.post(
                due.url,
                body=due.body,
                headers={"Content-Type": "application/json", **signature},
                total_seconds=self.attempt_seconds,
            )
        except Problem as problem:
            return Answer.none(problem)
        except Exception as error:  # the schedule bounds even our own mistakes
            log.exception("delivery.attempt_failed", delivery_id=str(due.delivery_id))
            return Answer(problem="internal_error", detail=type(error).__name__)
        return Answer(reply.status, retry_after_seconds=reply.retry_after_seconds)

    def _sign(self, due: Due, now: datetime) -> dict[str, str]:
        sealed = domain.signing_secrets(due.secrets_sealed, due.secrets_changed_at, now)
        if self.seal is None or not sealed:
            raise SecretUnusable
        try:
            secrets = [self.seal.open(secret) for secret in sealed]
        except SealBroken:
            raise SecretUnusable from None
        for secret in secrets:
            validate_secret(secret)  # the library would sign with almost any text
        return webhooks.sign(due.message_id, now, due.body, secrets)

    def _a_moment(self) -> float:
        return POSTPONED_SECONDS * (1 + self.jitter())


def _event_of(due: Due, step: Step, attempted_at: datetime, status: int | None, next_attempt_at: datetime) -> Event:
    facts = {
        "account_id": due.account_id,
        "job_id": due.job_id,
        "delivery_id": due.delivery_id,
        "message_id": due.message_id,
        "url": due.url,
        "attempt": due.attempts + 1,
        "attempted_at": attempted_at,
        "status": status,
        "problem": step.problem,
        "detail": step.detail,
    }
    if step.state == "pending":
        return WebhookRefused.model_validate({**facts, "next_attempt_at": next_attempt_at})
    return (WebhookDelivered if step.state == "delivered" else WebhookAbandoned).model_validate(facts)


async def _pause(running: set[asyncio.Task[None]], *, is_full: bool) -> None:
    """Until it is worth looking again: a place is free, or some time has passed."""
    if is_full:
        await asyncio.wait(running, timeout=LOOKOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(LOOKOUT_SECONDS)


async def _finish(running: set[asyncio.Task[None]]) -> None:
    tasks = set(running)
    if tasks:
        await asyncio.wait(tasks, timeout=FINISH_SECONDS)
    for task in tasks:
        task.cancel()
