"""enhancer: pure decisions about recipes: what a valid one is, and what makes two of them the same."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.enhancer.analysis import FIELD_CHARACTERS_MAX, TEXT_CHARACTERS_MAX
from shared.errors import Permanent
from shared.facts import Analysis

# Raised whenever the same recipe would give other pixels or bytes than before: cached renditions then age out.
ENGINE_VERSION = "1"
LOCAL, AUTO = "local", "auto"
# The local analyser's models and rules; raised whenever it would tell something else of the same picture.
LOCAL_MODEL = "ppocr-v6-small-1"
PROVIDERS = ("google_vision", "gemini")  # the first that has keys is taken when nobody says which
UNWANTED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
SIDE_PIXELS_MAX = 65_500
ENHANCED_SIDE_PIXELS_MAX = 4_096

OutputFormat = Literal["jpeg", "png", "webp"]


class CompressParams(BaseModel):
    """Params of `compress`; PNG is lossless and knows no quality; max_side is in pixels and never enlarges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quality: int = Field(default=50, ge=1, le=100)
    format: OutputFormat = "jpeg"
    max_side: int | None = Field(default=None, ge=1, le=SIDE_PIXELS_MAX)


class EnhanceParams(BaseModel):
    """Params of `enhance`, whose output is a JPEG; the longest side has exactly `side` pixels, enlarged if need be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: int = Field(ge=1, le=ENHANCED_SIDE_PIXELS_MAX)
    quality: int = Field(default=95, ge=1, le=100)


class AnalyzeParams(BaseModel):
    """Params of `analyze`: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


PARAMS: dict[str, type[BaseModel]] = {"compress": CompressParams, "enhance": EnhanceParams, "analyze": AnalyzeParams}


class InvalidRecipe(Permanent):
    """The recipe has an unknown operation, or params that its operation does not take."""

    def __init__(self, detail: str) -> None:
        super().__init__("recipe_invalid", detail)


def is_local(recipe: Mapping[str, Any]) -> bool:
    """Whether the engine here renders the recipe, rather than a provider."""
    return recipe.get("provider", LOCAL) == LOCAL and recipe.get("operation") in PARAMS


def plan_rendition(recipe: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the operation and its params with every default spelled out; InvalidRecipe."""
    operation = str(recipe.get("operation"))
    if operation not in PARAMS:
        raise InvalidRecipe(f"There is no operation {operation!r}.")
    try:
        params = PARAMS[operation].model_validate(dict(recipe.get("params") or {}))
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRecipe(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return operation, params.model_dump()


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """Name what the recipe does, in hex: equal for recipes that give the same output from the same source."""
    provider = recipe.get("provider") or LOCAL
    operation, params = recipe.get("operation"), recipe.get("params") or {}
    if is_local(recipe):
        operation, params = plan_rendition(recipe)
    return _digest({"operation": operation, "provider": provider, "params": params, "engine": ENGINE_VERSION})


def analyzer_for(asked: str, preferred: str, available: Collection[str]) -> str:
    """Who analyses: `asked` by the recipe; if that is "auto", `preferred` by the setting, else the first that can.

    available: the providers that have keys. Permanent: provider_not_configured, recipe_invalid.
    """
    name = asked if asked != AUTO else preferred
    if name == AUTO:
        return next((provider for provider in PROVIDERS if provider in available), LOCAL)
    if name != LOCAL and name not in PROVIDERS:
        raise InvalidRecipe(f"There is no analyser {name!r}.")
    if name != LOCAL and name not in available:
        raise Permanent("provider_not_configured", f"There are no keys for {name}.")
    return name


def analysis_fingerprint(params: Mapping[str, Any], provider: str, model: str) -> str:
    """Name how a picture is analysed, in hex: equal for what gives the same answer; InvalidRecipe."""
    operation, params = plan_rendition({"operation": "analyze", "params": params})
    return _digest({"operation": operation, "provider": provider, "model": model, "params": params})


def tidied(analysis: Analysis) -> Analysis:
    """The same, fit for tables and files: without control characters but new lines, and of bounded length."""
    return Analysis(
        store_image=analysis.store_image,
        text_content=_tidy(analysis.text_content, TEXT_CHARACTERS_MAX),
        store_name=_tidy(analysis.store_name, FIELD_CHARACTERS_MAX),
        business_contact=_tidy(analysis.business_contact, FIELD_CHARACTERS_MAX),
        image_description=_tidy(analysis.image_description, FIELD_CHARACTERS_MAX),
    )


def _tidy(text: str, characters_max: int) -> str:
    plain = text[: 2 * characters_max].replace("\r\n", "\n").replace("\r", "\n")
    return UNWANTED.sub(" ", plain).strip()[:characters_max].rstrip()


def _digest(facts: Mapping[str, Any]) -> str:
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
