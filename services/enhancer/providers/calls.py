"""One HTTP call of a provider: bounded in time and bytes, and whatever goes wrong on the way has a name."""

import asyncio
import time
from collections.abc import Mapping

import httpx

from services.enhancer.providers.verdicts import DETAIL_CHARACTERS_MAX, Reply, garbage
from shared.answers import parse_retry_after
from shared.errors import Transient

CONNECT_SECONDS_MAX = 5
ENCODINGS = ("", "identity")


def open_client() -> httpx.AsyncClient:
    """A client for addresses that the operator chose: no proxies of the environment, no redirects.

    Connections are not limited here: cancelled requests can keep places of httpcore's pool for ever.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, limits=limits)


async def post(
    client: httpx.AsyncClient,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    provider: str,
    seconds_max: float,
    bytes_max: int,
) -> Reply:
    """Send the body and read the answer; Transient (provider_timeout, provider_unavailable, provider_garbage)."""
    sent = {"Content-Type": "application/json", "Accept-Encoding": "identity", **headers}
    timeout = httpx.Timeout(seconds_max, connect=min(CONNECT_SECONDS_MAX, seconds_max))
    try:
        async with (
            asyncio.timeout(seconds_max),
            client.stream("POST", url, content=body, headers=sent, timeout=timeout) as response,
        ):
            return Reply(
                response.status_code,
                await _read(response, provider, bytes_max),
                parse_retry_after(response.headers.get("Retry-After"), time.time()),
            )
    except (TimeoutError, httpx.TimeoutException) as error:
        raise Transient("provider_timeout", f"{provider} took longer than {seconds_max:g} s.") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        what = f"{provider}: the connection failed ({type(error).__name__})."
        raise Transient("provider_unavailable", what[:DETAIL_CHARACTERS_MAX]) from error


async def _read(response: httpx.Response, provider: str, bytes_max: int) -> bytes:
    if response.headers.get("Content-Encoding", "").strip().lower() not in ENCODINGS:
        raise garbage(provider, "the answer is encoded, though that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > bytes_max:
            raise garbage(provider, f"the answer is larger than {bytes_max} bytes")
    return bytes(body)
