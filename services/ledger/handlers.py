"""The ledger's handlers: which rows an event is worth. What they change is decided by the database."""

from services.ledger import domain, recorders
from services.ledger.domain import Audit, Usage
from services.ledger.ports import Ports
from shared.errors import Problem
from shared.events import (
    AccountOpened,
    AuditRequested,
    Event,
    GrantRequested,
    ImageAnalyzed,
    ImageCancelled,
    ImageEnhanced,
    ImageFailed,
    JobSubmitted,
    RegenerationRequested,
)
from shared.outcome import Handler, Outcome, Service


async def on_account_opened(event: AccountOpened, ports: Ports) -> Outcome:
    """Open the account, with its opening tokens."""
    return Outcome(record=[ports.terms.opened(event.account_id)])


async def on_grant_requested(event: GrantRequested, ports: Ports) -> Outcome:
    """Give the tokens, once per grant."""
    return Outcome(record=[ports.terms.opened(event.account_id), domain.grant_of(event)])


async def on_regeneration_requested(event: RegenerationRequested, ports: Ports) -> Outcome:
    """Touch the account: whatever is due to it is credited then."""
    return Outcome(record=[ports.terms.opened(event.account_id)])


async def on_audit_requested(event: AuditRequested, _ports: Ports) -> Outcome:
    """Look whether the books are right."""
    return Outcome(record=[Audit(event.audit_id)])


async def on_job_submitted(event: JobSubmitted, ports: Ports) -> Outcome:
    """Open the account, and set the run's price aside."""
    return Outcome(record=[ports.terms.opened(event.account_id), *domain.hold_for(event)])


async def on_image_enhanced(event: ImageEnhanced, ports: Ports) -> Outcome:
    """Capture the image's price."""
    usage = Usage(
        event.account_id,
        images_succeeded=1,
        source_bytes=event.original.size_bytes,
        rendition_bytes=event.rendition.size_bytes,
    )
    return Outcome(record=[*domain.settle_image(event, "succeeded", ports.terms), usage])


async def on_image_analyzed(event: ImageAnalyzed, ports: Ports) -> Outcome:
    """Capture the image's price; an analysis is no file."""
    usage = Usage(event.account_id, images_succeeded=1, source_bytes=event.original.size_bytes)
    return Outcome(record=[*domain.settle_image(event, "succeeded", ports.terms), usage])


async def on_image_failed(event: ImageFailed, ports: Ports) -> Outcome:
    """Void the image's price."""
    usage = Usage(event.account_id, images_failed=1)
    return Outcome(record=[*domain.settle_image(event, "failed", ports.terms), usage])


async def on_image_cancelled(event: ImageCancelled, ports: Ports) -> Outcome:
    """Void the price of every image that is not to run; what was captured for one that did, is given back."""
    usage = Usage(event.account_id, images_cancelled=len(event.images))
    return Outcome(record=[*domain.settle_cancelled(event, ports.terms), usage])


def gave_up(_event: Event, _problem: Problem, _attempts: int) -> None:
    """Nothing is booked by guess: the message stays among the dead letters until somebody sends it again."""


HANDLERS: dict[type[Event], Handler] = {
    AccountOpened: on_account_opened,
    GrantRequested: on_grant_requested,
    RegenerationRequested: on_regeneration_requested,
    AuditRequested: on_audit_requested,
    JobSubmitted: on_job_submitted,
    ImageEnhanced: on_image_enhanced,
    ImageAnalyzed: on_image_analyzed,
    ImageFailed: on_image_failed,
    ImageCancelled: on_image_cancelled,
}

SERVICE = Service(name="ledger", handlers=HANDLERS, recorders=recorders.RECORDERS, gave_up=gave_up)
