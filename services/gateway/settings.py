"""The gateway's knobs."""

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from shared.settings import SharedSettings

RATE = r"^\d{1,9}/[1-9]\d{0,5}$"


class Settings(SharedSettings):
    """Where it listens, what it accepts, how much it lets into the pipeline; bytes and seconds."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore", populate_by_name=True)

    REPORTED = ("dispatch_images_max", "dispatch_job_images_max", "requests_per_hour")

    rabbitmq_management_url: str = Field("", description="of the broker's management API; empty: it is not asked")
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8000
    gateway_published_host: str = Field("", description="the address others reach it at, where that is not the host")
    anonymous: bool = Field(False, description="callers without a key are the account `local`, on loopback only")
    admin_key_file: Path | None = Field(None, description="where the first admin key is kept, and made when missing")
    requests_per_hour: int = Field(1000, ge=0, description="of an account; 0: no limit")
    local_requests_per_hour: int = Field(0, ge=0, description="of the account `local` without a key; 0: no limit")
    enhance_rate: str = Field(
        "5/60", pattern=RATE, description="calls/seconds: albums enhanced by an account; 0/60: off"
    )
    enhance_image_rate: str = Field("10/60", pattern=RATE, description="calls/seconds: images enhanced by themselves")
    image_upload_rate: str = Field("30/60", pattern=RATE, description="calls/seconds: images uploaded")
    versions_rate: str = Field("100/60", pattern=RATE, description="calls/seconds: versions of an image looked at")
    upload_bytes_max: int = 200_000_000
    source_bytes_max: int = Field(50_000_000, description="of an uploaded picture")
    source_pixels_max: int = 50_000_000
    source_frames_max: int = 500
    batch_files_max: int = Field(20, description="pictures uploaded in one request")
    batch_file_bytes_max: int = Field(10_485_760, description="of each of them")
    batch_bytes_max: int = Field(52_428_800, description="of all of them")
    album_images_max: int = Field(20, ge=1, description="images that one request has enhanced")
    enhance_wait_seconds: float = Field(5, gt=0, description="for the ledger's word on an enhancement; then 503")
    enhance_providers: tuple[str, ...] = Field(("local",), description="that a request may choose between")
    streams_max: int = Field(5, ge=1, description="of a job's progress, open at once by an account")
    csv_rows_max: int = 1_000_000
    chunk_size: int = Field(2000, ge=1, le=100_000, description="images in a chunk of a batch")
    batches_active_max: int = Field(20, ge=1, description="of an account: queued or processing")
    batch_sweep_seconds: float = Field(5, gt=0, description="between looks for batches that are to be removed")
    webhook_url: str | None = Field(
        None,
        description="called for uploads that name no webhook",
        validation_alias=AliasChoices("DARKROOM_WEBHOOK_URL", "WEBHOOK_URL"),
    )
    download_wait_seconds: float = 25
    export_wait_seconds: float = Field(100, gt=0, description="for a report of batches; then 202")
    export_rows_max: int = Field(1_000_000, ge=1, description="of a report of batches")
    exports_waiting_max: int = Field(100, ge=1, description="reports of an account that are being made; then 429")
    dispatch_job_images_min: int = Field(128, description="in flight per job, however slow it goes")
    dispatch_job_images_max: int = 1024
    dispatch_images_max: int = Field(2048, description="in flight in all")
    dispatch_target_seconds: float = Field(1.0, description="a job's images in flight: what it ends in this time")

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach the gateway."""
        return (self.gateway_published_host or self.gateway_host) in ("127.0.0.1", "localhost", "::1")
