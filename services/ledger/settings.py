"""The ledger's own knobs."""

from pydantic import Field
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
