"""The fetcher's knobs."""

from pydantic_settings import SettingsConfigDict

from shared.retry import RetryPolicy
from shared.settings import SharedSettings


class Settings(SharedSettings):
    """Limits of one download, and patience with an image; seconds and bytes."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore")

    REPORTED = ("fetch_concurrency", "fetch_per_host_connections", "fetch_total_seconds")

    fetch_connect_seconds: float = 5
    fetch_idle_seconds: float = 10
    fetch_total_seconds: float = 20
    fetch_delays_seconds: tuple[float, ...] = (1, 4, 15)
    fetch_patience_seconds: float = 120
    fetch_retry_after_seconds_max: float = 60
    fetch_per_host_connections: int = 4
    fetch_concurrency: int = 200
    source_bytes_max: int = 50_000_000
    source_pixels_max: int = 50_000_000
    source_frames_max: int = 500

    @property
    def retry(self) -> RetryPolicy:
        """How often an image is tried."""
        return RetryPolicy(self.fetch_delays_seconds, self.fetch_patience_seconds, self.fetch_retry_after_seconds_max)
