"""The price list, in one place: tokens per image that succeeds, by the kind of job and, for albums, the tier."""

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.facts import JobKind

PRICE_TOKENS_MAX = 1_000_000

Tier = Literal["TIER_1K", "TIER_2K", "TIER_4K"]
Price = Annotated[int, Field(ge=0, le=PRICE_TOKENS_MAX)]

ALBUM_PRICES: dict[Tier, Price] = {"TIER_1K": 2, "TIER_2K": 5, "TIER_4K": 10}


class Prices(BaseSettings):
    """Read from DARKROOM_PRICES, e.g. `{"products": 1, "album": {"TIER_1K": 2, "TIER_2K": 5, "TIER_4K": 10}}`.

    One number for albums is the price at every tier. What is not listed costs nothing, albums excepted: see
    ALBUM_PRICES. Batches cannot have a price: they may be restarted and deleted in any state, and a hold knows only
    runs that end image by image.
    """

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore", frozen=True)

    prices: dict[JobKind, Price | dict[Tier, Price]] = Field(default_factory=dict)

    @field_validator("prices")
    @classmethod
    def _of_kinds_that_may_cost(
        cls, prices: dict[JobKind, Price | dict[Tier, Price]]
    ) -> dict[JobKind, Price | dict[Tier, Price]]:
        if prices.get("batch"):
            raise ValueError("batches cannot have a price")
        return prices

    def price_of(self, kind: JobKind, tier: Tier | None = None) -> int:
        """What an image of a job of this kind (and tier) costs, in tokens."""
        default: dict[Tier, Price] = ALBUM_PRICES if kind == "album" else {}
        listed = self.prices.get(kind, default)
        if isinstance(listed, int):
            return listed
        return (default | listed).get(tier, 0) if tier else 0
