"""JSON bodies of what asks for enhancements, and of questions about jobs, read by hand: 400 in the door's words."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, Field

from services.gateway.api.album_bodies import TIERS
from services.gateway.api.problems import Refused
from shared.prices import Tier

JOB_IDS_MAX = 50
ID = "01a1fc40-a233-74a1-9e9b-61c09a16c5cf"


class EnhanceAlbum(BaseModel):
    """Which images of an album are to be enhanced, and how."""

    tier: str = Field(json_schema_extra={"enum": list(TIERS)}, examples=["TIER_2K"])
    skipAlreadyEnhanced: bool = Field(True, description="whether those that are enhanced at the tier are left out")
    provider: str = Field("local", description="who enhances them")


class EnhanceImage(BaseModel):
    """An image to be enhanced."""

    imageId: str = Field(examples=[ID])
    tier: str = Field(json_schema_extra={"enum": list(TIERS)}, examples=["TIER_2K"])
    provider: str = Field("local", description="who enhances it")


class EnhanceImages(BaseModel):
    """Images to be enhanced; one that is named twice counts once."""

    imageIds: list[str] = Field(min_length=1, max_length=20, examples=[[ID]])
    tier: str = Field(json_schema_extra={"enum": list(TIERS)}, examples=["TIER_2K"])
    provider: str = Field("local", description="who enhances them")


class JobIds(BaseModel):
    """Jobs that somebody asks about."""

    jobIds: list[str] = Field(min_length=1, max_length=JOB_IDS_MAX, examples=[[ID]])


def read_tier(body: Mapping[str, Any]) -> Tier:
    """The tier; raises 400."""
    tier = body.get("tier")
    if not isinstance(tier, str) or tier not in TIERS:
        raise Refused(400, "Invalid tier")
    return cast(Tier, tier)


def read_choice(body: Mapping[str, Any], field: str, *, usual: bool) -> bool:
    """A boolean that is one: the string "false" is not. Raises 400."""
    choice = body.get(field, usual)
    if not isinstance(choice, bool):
        raise Refused(400, f"{field} must be true or false")
    return choice


def read_provider(body: Mapping[str, Any], available: Sequence[str]) -> str:
    """Who is to enhance; raises 400 for one that is not here."""
    provider = body.get("provider", available[0] if available else None)
    if not isinstance(provider, str) or provider not in available:
        raise Refused(400, "Invalid provider")
    return provider


def read_image_id(body: Mapping[str, Any]) -> str:
    """The image's id, of whatever form; raises 400. What cannot be done is refused rather than left out."""
    image_id = body.get("imageId")
    if not isinstance(image_id, str) or not image_id:
        raise Refused(400, "Image ID is required")
    if body.get("blendSource") is not None:
        raise Refused(400, "Blending with another image is not supported")
    return image_id


def read_image_ids(body: Mapping[str, Any], most: int) -> list[str]:
    """The images' ids, of whatever form, each once; raises 400."""
    image_ids = body.get("imageIds")
    if not isinstance(image_ids, list) or not image_ids or not all(isinstance(each, str) for each in image_ids):
        raise Refused(400, "Image IDs are required")
    if len(image_ids) > most:
        raise Refused(400, f"Maximum {most} images allowed per batch")
    return list(dict.fromkeys(image_ids))


def read_job_ids(body: Mapping[str, Any]) -> list[str]:
    """The jobs' ids, of whatever form; raises 400."""
    job_ids = body.get("jobIds")
    if not isinstance(job_ids, list) or not job_ids:
        raise Refused(400, "jobIds must be a non-empty array")
    if len(job_ids) > JOB_IDS_MAX:
        raise Refused(400, f"Maximum {JOB_IDS_MAX} job IDs allowed per request")
    if not all(isinstance(each, str) and each.strip() for each in job_ids):
        raise Refused(400, "All jobIds must be non-empty strings")
    return job_ids
