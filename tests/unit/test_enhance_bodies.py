"""Bodies that ask for enhancements, or about jobs: what is wrong with one is said in the door's words."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from services.gateway.album_tiers import SIDES, recipe_of
from services.gateway.api.album_bodies import TIERS
from services.gateway.api.enhance_bodies import (
    read_choice,
    read_image_id,
    read_image_ids,
    read_job_ids,
    read_provider,
    read_tier,
)
from services.gateway.api.problems import Refused

skips = partial(read_choice, field="skipAlreadyEnhanced", usual=True)
provided = partial(read_provider, available=("local", "openai"))
twenty = partial(read_image_ids, most=20)

JOB_IDS = "jobIds must be a non-empty array"
EMPTY_ID = "All jobIds must be non-empty strings"


@pytest.mark.parametrize(
    ("read", "body", "message"),
    [
        *((read_tier, body, "Invalid tier") for body in ({}, {"tier": "TIER_8K"}, {"tier": ["TIER_1K"]}, {"tier": {}})),
        *((skips, {"skipAlreadyEnhanced": value}, None) for value in ("false", 0, 1, None, [], {})),
        *((provided, {"provider": value}, "Invalid provider") for value in ("autoenhance", "", None, 1, ["local"])),
        *((read_image_id, body, "Image ID is required") for body in ({}, {"imageId": ""}, {"imageId": 1})),
        (read_image_id, {"imageId": "a", "blendSource": {"base64": "", "mimeType": "image/png"}}, None),
        *((twenty, {"imageIds": value}, "Image IDs are required") for value in (None, [], "a", [1], [None], {"a": 1})),
        (twenty, {"imageIds": ["a"] * 21}, "Maximum 20 images allowed per batch"),
        *((read_job_ids, {"jobIds": value}, JOB_IDS) for value in (None, [], "a", {}, 1)),
        (read_job_ids, {"jobIds": ["a"] * 51}, "Maximum 50 job IDs allowed per request"),
        *((read_job_ids, {"jobIds": value}, EMPTY_ID) for value in (["a", ""], ["a", " "], ["a", 1], [None])),
    ],
)
def test_what_is_wrong_is_refused(read: Callable[[Any], Any], body: dict[str, Any], message: str | None) -> None:
    with pytest.raises(Refused) as refused:
        read(body)
    assert refused.value.status == 400
    assert refused.value.message == message or (message is None and refused.value.message)


def test_what_is_not_said_is_as_usual() -> None:
    assert skips({}) is True
    assert skips({"skipAlreadyEnhanced": False}) is False
    assert provided({}) == "local"
    assert provided({"provider": "openai"}) == "openai"


def test_an_image_that_is_named_twice_counts_once() -> None:
    assert twenty({"imageIds": ["b", "a", "b"]}) == ["b", "a"]


def test_jobs_are_answered_as_often_as_they_are_asked_for() -> None:
    assert read_job_ids({"jobIds": ["b", "a", "b"]}) == ["b", "a", "b"]


def test_every_tier_has_its_size() -> None:
    assert tuple(SIDES) == TIERS
    sides = [recipe_of(tier, "local").params["side"] for tier in SIDES]
    assert sides == [1024, 2048, 4096]
    assert recipe_of("TIER_1K", "openai").model_dump() == {
        "operation": "enhance",
        "provider": "openai",
        "params": {"side": 1024, "quality": 95},
    }
