"""What the gateway learns from the ledger: balances, lines of statements, decisions about runs, audits."""

from services.gateway.ports import Ports
from services.gateway.statement import Booked
from services.gateway.store.audits import Audited
from services.gateway.store.balances import Balance, TokensDecided
from shared.events import (
    AuditCompleted,
    Event,
    TokenEvent,
    TokensCaptured,
    TokensDeclined,
    TokensGranted,
    TokensHeld,
    TokensVoided,
)
from shared.outcome import Handler, Outcome


async def on_tokens_granted(event: TokensGranted, _ports: Ports) -> Outcome:
    """An account was given tokens."""
    return Outcome(record=[_balance(event), Booked(event)])


async def on_tokens_held(event: TokensHeld, _ports: Ports) -> Outcome:
    """A run may begin."""
    return Outcome(record=[_decided(event, held=True), _balance(event), Booked(event)])


async def on_tokens_declined(event: TokensDeclined, _ports: Ports) -> Outcome:
    """A run must not begin."""
    return Outcome(record=[_decided(event, held=False), _balance(event)])


async def on_tokens_captured(event: TokensCaptured, _ports: Ports) -> Outcome:
    """Images were paid by what was held for them: nothing changes in what is available."""
    return Outcome(record=[_balance(event)])


async def on_tokens_voided(event: TokensVoided, _ports: Ports) -> Outcome:
    """What was held or paid for images is available again."""
    return Outcome(record=[_balance(event), Booked(event)])


async def on_audit_completed(event: AuditCompleted, _ports: Ports) -> Outcome:
    """The ledger has looked whether its books are right."""
    return Outcome(record=[Audited(event.audit_id, event.model_dump_json())])


def _balance(event: TokenEvent) -> Balance:
    return Balance(event.account_id, event.balance, event.held, event.account_version, event.regenerated_at)


def _decided(event: TokensHeld | TokensDeclined, *, held: bool) -> TokensDecided:
    return TokensDecided(event.job_id, event.run, held, available=event.balance - event.held)


TOKEN_HANDLERS: dict[type[Event], Handler] = {
    TokensGranted: on_tokens_granted,
    TokensHeld: on_tokens_held,
    TokensDeclined: on_tokens_declined,
    TokensCaptured: on_tokens_captured,
    TokensVoided: on_tokens_voided,
    AuditCompleted: on_audit_completed,
}
