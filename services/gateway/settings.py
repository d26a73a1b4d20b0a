"""The gateway's knobs."""

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import SharedSettings


class Settings(SharedSettings):
    """Where it listens, what it accepts, how much it lets into the pipeline; bytes and seconds."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore", populate_by_name=True)

    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8000
    gateway_published_host: str = Field("", description="the address others reach it at, where that is not the host")
    anonymous: bool = Field(False, description="callers without a key are the account `local`, on loopback only")
    upload_bytes_max: int = 200_000_000
    csv_rows_max: int = 1_000_000
    webhook_url: str | None = Field(
        None,
        description="called for uploads that name no webhook",
        validation_alias=AliasChoices("DARKROOM_WEBHOOK_URL", "WEBHOOK_URL"),
    )
    download_wait_seconds: float = 25
    dispatch_job_images_min: int = Field(128, description="in flight per job, however slow it goes")
    dispatch_job_images_max: int = 1024
    dispatch_images_max: int = Field(2048, description="in flight in all")
    dispatch_target_seconds: float = Field(1.0, description="a job's images in flight: what it ends in this time")

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the gateway."""
        return (self.gateway_published_host or self.gateway_host) in ("127.0.0.1", "localhost", "::1")
