"""The enhancer's knobs."""

import os
import re
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import SharedSettings

SEPARATORS = re.compile(r"[\s,;]+")


class Settings(SharedSettings):
    """Workers and their limits; seconds and bytes."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", env_file=".env", extra="ignore")

    REPORTED = (
        "enhance_workers", "concurrency", "enhance_seconds_max", "analyzer", "analyze_workers", "api_keys_count",
    )  # fmt: skip

    enhance_workers: int = Field(default_factory=lambda: os.cpu_count() or 2)
    enhance_concurrency: int = Field(0, description="images taken from the broker at once; 0: 48 per worker")
    enhance_seconds_max: float = 60
    enhance_memory_bytes_max: int = 2 << 30
    analyzer: Literal["auto", "local", "google_vision", "gemini"] = Field(
        "auto", description="who analyses when the recipe does not say; auto: a provider that has keys, else local"
    )
    analyze_workers: int = Field(
        default_factory=lambda: os.cpu_count() or 2,
        ge=1,
        description="of the local analyser, started when first needed",
    )
    analyze_seconds_max: float = 180
    analyze_memory_bytes_max: int = 2 << 30
    source_pixels_max: int = 50_000_000
    source_frames_max: int = 500

    # Providers: analysers that are reached over HTTP. Keys are comma-separated; prices in millionths of a US dollar.
    google_vision_api_keys: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("DARKROOM_GOOGLE_VISION_API_KEYS", "GOOGLE_VISION_API_KEYS")
    )
    gemini_api_keys: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("DARKROOM_GEMINI_API_KEYS", "GEMINI_API_KEYS")
    )
    gemini_api_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("DARKROOM_GEMINI_API_KEY", "GEMINI_API_KEY")
    )
    google_vision_url: str = "https://vision.googleapis.com"
    gemini_url: str = "https://generativelanguage.googleapis.com"
    gemini_model: str = Field("gemini-2.0-flash", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    provider_requests_max: int = Field(55, ge=1, le=10_000, description="per key in any window")
    provider_window_seconds: float = Field(60, gt=0)
    provider_concurrency: int = Field(25, ge=1, description="calls of one provider at once, per process")
    provider_seconds_max: float = Field(30, gt=0)
    provider_answer_bytes_max: int = 8_000_000
    provider_refused_seconds: float = Field(3_600, ge=0, description="until a key that was refused is tried again")
    google_vision_feature_cost_micros: int = Field(1_500, ge=0, description="per image; three features are asked for")
    gemini_input_cost_micros: int = Field(100_000, ge=0, description="per million tokens")
    gemini_output_cost_micros: int = Field(400_000, ge=0, description="per million tokens")

    @property
    def concurrency(self) -> int:
        """Enough for one commit and the next, so that no worker waits; few enough that replicas share the work."""
        return self.enhance_concurrency or 48 * self.enhance_workers

    @property
    def analyses_max(self) -> int:
        """Of these at most so many are analyses, which take long: the others' images go on between them."""
        return max(1, self.concurrency // 2)

    @property
    def google_vision_secrets(self) -> list[str]:
        """Google Vision's keys."""
        return _listed(self.google_vision_api_keys)

    @property
    def gemini_secrets(self) -> list[str]:
        """Gemini's keys, of both settings."""
        return _listed(self.gemini_api_keys, self.gemini_api_key)

    @property
    def api_keys_count(self) -> int:
        """How many keys of providers there are."""
        return len(self.google_vision_secrets) + len(self.gemini_secrets)


def _listed(*settings: SecretStr) -> list[str]:
    """What settings name, each once."""
    named = [part for setting in settings for part in SEPARATORS.split(setting.get_secret_value()) if part]
    return list(dict.fromkeys(named))
