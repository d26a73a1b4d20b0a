"""The ledger's own knobs."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import SharedSettings


class Settings(SharedSettings):
    """What the ledger adds to the shared settings."""

    model_config = SettingsConfigDict(populate_by_name=True)

    opening_tokens: int = Field(
        0,
        ge=0,
        description="tokens that an account is given when the ledger first sees it",
        validation_alias="DARKROOM_LEDGER_OPENING_TOKENS",
    )
    local_opening_tokens: int = Field(
        100,
        ge=0,
        description="the same for the account `local`; not set: as opening_tokens, if that is set",
        validation_alias="DARKROOM_LEDGER_LOCAL_OPENING_TOKENS",
    )

    @model_validator(mode="after")
    def _one_number_for_all(self) -> Self:
        if "opening_tokens" in self.model_fields_set and "local_opening_tokens" not in self.model_fields_set:
            self.local_opening_tokens = self.opening_tokens
        return self
