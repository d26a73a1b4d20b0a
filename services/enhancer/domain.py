"""enhancer: pure decisions about recipes: what a valid one is, and what makes two of them the same."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Permanent

# Raised whenever the same recipe would give other pixels or bytes than before: cached renditions then age out.
ENGINE_VERSION = "1"
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


PARAMS: dict[str, type[BaseModel]] = {"compress": CompressParams, "enhance": EnhanceParams}


class InvalidRecipe(Permanent):
    """The recipe has an unknown operation, or params that its operation does not take."""

    def __init__(self, detail: str) -> None:
        super().__init__("recipe_invalid", detail)


def is_local(recipe: Mapping[str, Any]) -> bool:
    """Whether the engine here renders the recipe, rather than a provider."""
    return recipe.get("provider", "local") == "local" and recipe.get("operation") in PARAMS


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
    provider = recipe.get("provider") or "local"
    operation, params = recipe.get("operation"), recipe.get("params") or {}
    if is_local(recipe):
        operation, params = plan_rendition(recipe)
    facts = {"operation": operation, "provider": provider, "params": params, "engine": ENGINE_VERSION}
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
