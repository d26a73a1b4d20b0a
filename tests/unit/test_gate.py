"""What a worker does about jobs that are paused or cancelled, as far as it is decided without a database."""

from dataclasses import dataclass, field

import pytest

from shared.errors import Permanent, Problem, Transient
from shared.events import EVENTS, ImageCancelled, ImageEvent, ImageFailed, ImageRequested, JobControl
from shared.gate import HANDLERS, Control, Gate, gave_up_on_image, on_job_control
from tests.contract.sample_files import SAMPLES_BY_TYPE


@dataclass(frozen=True)
class Gated:
    """Ports with a gate."""

    gate: Gate = field(default_factory=Gate)


def requested() -> ImageRequested:
    event = SAMPLES_BY_TYPE["image.requested.v1"][0].event
    assert isinstance(event, ImageRequested)
    return event


def test_images_of_a_job_that_nobody_steers_pass() -> None:
    Gate().admit(requested())


@pytest.mark.parametrize(
    ("event_type", "state"),
    [("job.paused.v1", "paused"), ("job.resumed.v1", "running"), ("job.cancelled.v1", "cancelled")],
)
async def test_a_word_about_a_job_is_remembered_with_its_version(event_type: str, state: str) -> None:
    event = SAMPLES_BY_TYPE[event_type][0].event
    assert isinstance(event, JobControl)
    outcome = await HANDLERS[type(event)](event, Gated())
    (control,) = outcome.record
    assert isinstance(control, Control)
    assert (control.job_id, control.state, control.version) == (event.job_id, state, event.version)
    assert outcome.emit == ()


def test_every_event_that_steers_a_job_is_handled() -> None:
    assert set(HANDLERS) == {event for event in EVENTS.values() if issubclass(event, JobControl)}
    assert set(HANDLERS.values()) == {on_job_control}


@pytest.mark.parametrize("stage", ["fetch", "enhance"])
@pytest.mark.parametrize("problem", [Permanent("http_404", "Gone."), Transient("read_timeout"), Problem("odd", "Odd.")])
def test_an_image_that_is_given_up_has_failed_with_its_problem(stage: str, problem: Problem) -> None:
    outcome = gave_up_on_image(stage, requested(), problem, 3)
    assert outcome is not None
    (failed,) = outcome.emit
    assert isinstance(failed, ImageFailed)
    assert (failed.stage, failed.problem, failed.detail, failed.attempts) == (stage, problem.problem, problem.detail, 3)
    assert {name: getattr(failed, name) for name in ImageEvent.model_fields} == dict(requested())


def test_an_image_of_a_cancelled_job_was_cancelled_and_did_not_fail() -> None:
    outcome = gave_up_on_image("fetch", requested(), Permanent("cancelled"), 1)
    assert outcome is not None
    (cancelled,) = outcome.emit
    assert isinstance(cancelled, ImageCancelled)
    assert [image.image_id for image in cancelled.images] == [requested().image_id]
    for name in ("account_id", "job_id", "kind", "run", "price_tokens"):
        assert getattr(cancelled, name) == getattr(requested(), name)


def test_nobody_waits_for_an_event_that_is_not_about_an_image() -> None:
    paused = SAMPLES_BY_TYPE["job.paused.v1"][0].event
    assert gave_up_on_image("fetch", paused, Problem("internal_error"), 5) is None
