"""Regeneration: one token per full period, up to a cap. The clock moves in whole periods, so that nothing is lost."""

from datetime import datetime, timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Regeneration(BaseSettings):
    """How fast and how far accounts regenerate tokens."""

    model_config = SettingsConfigDict(
        env_prefix="DARKROOM_REGENERATION_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    seconds: int = Field(900, ge=0, description="one token per so many seconds; 0: off")
    tokens_max: int = Field(100, ge=0, description="no more is regenerated when an account has as many, held ones too")

    def periods(self, regenerated_at: datetime, now: datetime) -> int:
        """How many full periods have passed."""
        return max(0, (now - regenerated_at) // timedelta(seconds=self.seconds)) if self.seconds else 0

    def due(self, posted: int, regenerated_at: datetime, now: datetime) -> bool:
        """Whether an account is to be given something."""
        return posted < self.tokens_max and self.periods(regenerated_at, now) > 0

    def since(self, regenerated_at: datetime, now: datetime) -> datetime:
        """Where the clock stands: the last moment, whole periods after `regenerated_at`, that has come."""
        return regenerated_at + self.periods(regenerated_at, now) * timedelta(seconds=self.seconds)

    def credit(self, posted: int, regenerated_at: datetime, now: datetime) -> tuple[int, datetime]:
        """What an account is given now, in tokens, and where its clock stands then: at the cap it goes on, too."""
        room = max(0, self.tokens_max - posted)
        return min(room, self.periods(regenerated_at, now)), self.since(regenerated_at, now)

    def next_at(self, regenerated_at: datetime, now: datetime) -> datetime | None:
        """When the clock moves next; None: never."""
        return self.since(regenerated_at, now) + timedelta(seconds=self.seconds) if self.seconds else None
