"""The enhancer's knobs."""

import os

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import SharedSettings


class Settings(SharedSettings):
    """Workers and their limits; seconds and bytes."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore")

    REPORTED = ("enhance_workers", "concurrency", "enhance_seconds_max")

    enhance_workers: int = Field(default_factory=lambda: os.cpu_count() or 2)
    enhance_concurrency: int = Field(0, description="images taken from the broker at once; 0: 48 per worker")
    enhance_seconds_max: float = 60
    enhance_memory_bytes_max: int = 2 << 30
    source_pixels_max: int = 50_000_000
    source_frames_max: int = 500

    @property
    def concurrency(self) -> int:
        """Enough for one commit and the next, so that no worker waits; few enough that replicas share the work."""
        return self.enhance_concurrency or 48 * self.enhance_workers
