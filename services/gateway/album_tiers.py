"""What the albums door sells: how large an enhanced image becomes, and the recipe for it."""

from shared.facts import Recipe
from shared.prices import Tier

SIDES: dict[Tier, int] = {"TIER_1K": 1024, "TIER_2K": 2048, "TIER_4K": 4096}
"""The longest side in pixels, exactly."""

QUALITY = 95
IN_FLIGHT_MAX = 1


def recipe_of(tier: Tier, provider: str) -> Recipe:
    """What is done with an image at a tier."""
    return Recipe(operation="enhance", provider=provider, params={"side": SIDES[tier], "quality": QUALITY})
