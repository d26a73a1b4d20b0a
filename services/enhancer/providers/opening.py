"""Opens the providers that have keys."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from services.enhancer.analysis import Provider
from services.enhancer.providers.calls import open_client
from services.enhancer.providers.dialect import Dialect
from services.enhancer.providers.gemini import Gemini
from services.enhancer.providers.google_vision import GoogleVision
from services.enhancer.providers.keys import Key, keys_of
from services.enhancer.providers.pool import Budget, KeyPool
from services.enhancer.providers.remote import Limits, RemoteProvider
from services.enhancer.settings import Settings
from shared.service import Core

CALL_MARGIN_SECONDS = 2
"""A slot counts as used for longer than any call lasts."""


@asynccontextmanager
async def open_providers(core: Core, settings: Settings) -> AsyncIterator[Mapping[str, Provider]]:
    """The providers that have keys, by name; their keys are known to the database from now on."""
    budget = Budget(
        requests_max=settings.provider_requests_max,
        window_seconds=settings.provider_window_seconds,
        call_seconds_max=settings.provider_seconds_max + CALL_MARGIN_SECONDS,
        refused_seconds=settings.provider_refused_seconds,
    )
    limits = Limits(
        concurrency=settings.provider_concurrency,
        seconds_max=settings.provider_seconds_max,
        answer_bytes_max=settings.provider_answer_bytes_max,
    )
    providers: dict[str, Provider] = {}
    async with open_client() as client:
        for dialect, url, keys in _spoken(settings):
            if keys:
                pool = KeyPool(core.database, dialect.name, keys, budget)
                await pool.make_known()
                providers[dialect.name] = RemoteProvider(dialect, url, client, pool, limits)
        yield providers


def _spoken(settings: Settings) -> list[tuple[Dialect, str, list[Key]]]:
    vision = GoogleVision(settings.google_vision_feature_cost_micros)
    gemini = Gemini(settings.gemini_model, settings.gemini_input_cost_micros, settings.gemini_output_cost_micros)
    return [
        (vision, settings.google_vision_url, keys_of(vision.name, settings.google_vision_secrets)),
        (gemini, settings.gemini_url, keys_of(gemini.name, settings.gemini_secrets)),
    ]
