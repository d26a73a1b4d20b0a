"""Settings that every service shares, from the environment and .env; each service's settings.py adds its own knobs."""

from pathlib import Path
from typing import ClassVar

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SharedSettings(BaseSettings):
    """Where the broker, the database and the blobs are."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore")

    REPORTED: ClassVar[tuple[str, ...]] = ("commit_events_max", "commit_wait_seconds")
    """Those that operators are told; never a secret, nor an address, which may hold one."""

    amqp_url: str = "amqp://guest:guest@127.0.0.1:5672/"
    postgres_url: str = "postgresql://postgres@127.0.0.1:5432/darkroom"
    blobs_url: str = Field(f"file://{Path.cwd()}/.darkroom/blobs", description="file://, s3://, gs:// or az://")
    health_host: str = "127.0.0.1"
    health_port: int = Field(0, description="0: no health port")
    log_level: str = "INFO"
    public_url: str = Field(
        "http://localhost:8000",
        description="how callers reach the gateway; result files name images by it",
        validation_alias=AliasChoices("DARKROOM_PUBLIC_URL", "API_BASE_URL"),
    )
    secret_key: str = Field("", description="Fernet key that seals webhook secrets inside events")
    secret_key_file: Path | None = Field(None, description="where the key is kept, and made, when secret_key is empty")
    fetch_ports: str = "80,443"
    fetch_allow: str = Field("", description="exceptions to the address guard, e.g. 127.0.0.1/32 or 10.0.0.0/8:8080")
    drain_seconds: float = 15
    commit_events_max: int = Field(50, description="decisions in one transaction; as many are committed at once")
    commit_wait_seconds: float = Field(0.2, description="fewer than that, in a stream of events, wait this long")
    report_seconds: float = Field(15, gt=0, description="between two reports of a process about itself")

    def reported(self) -> dict[str, str]:
        """What operators are told of this process, by name."""
        return {name: str(getattr(self, name)) for name in dict.fromkeys((*SharedSettings.REPORTED, *self.REPORTED))}
