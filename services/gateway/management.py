"""What RabbitMQ's management API knows beside what AMQP tells: messages that are out with consumers, and rates."""

from urllib.parse import quote, unquote, urlsplit

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from shared.telemetry import log

ANSWER_SECONDS_MAX = 0.6
COLUMNS = "name,messages_unacknowledged,message_stats.publish_details.rate,message_stats.deliver_get_details.rate"


class Rate(BaseModel):
    """Messages per second, as the node last sampled them."""

    rate: float = 0


class Rates(BaseModel):
    """What goes into a queue, and what is handed out."""

    publish_details: Rate = Field(default_factory=Rate)
    deliver_get_details: Rate = Field(default_factory=Rate)


class Flow(BaseModel):
    """A queue as the management API sees it; the figures are some seconds old."""

    name: str
    messages_unacknowledged: int | None = None
    message_stats: Rates | None = None


FLOWS = TypeAdapter(list[Flow])


class Management:
    """The API of the node that the gateway uses; its user and virtual host are those of AMQP unless the URL says so."""

    def __init__(self, url: str, amqp_url: str) -> None:
        named, amqp = urlsplit(url), urlsplit(amqp_url)
        user, password = (named.username or amqp.username or ""), (named.password or amqp.password or "")
        self._path = f"/api/queues/{quote(unquote(amqp.path[1:]) or '/', safe='')}?columns={COLUMNS}"
        self._http = httpx.AsyncClient(
            base_url=named._replace(netloc=named.netloc.rpartition("@")[2]).geturl(),
            auth=(unquote(user), unquote(password)),
            timeout=ANSWER_SECONDS_MAX,
            trust_env=False,
        )

    async def flows(self) -> dict[str, Flow]:
        """Every queue by its name; none when the API does not answer in time."""
        try:
            answer = await self._http.get(self._path)
            return {flow.name: flow for flow in FLOWS.validate_json(answer.raise_for_status().content)}
        except (httpx.HTTPError, ValidationError) as error:
            log.warning("management.unavailable", error=type(error).__name__)
            return {}

    async def close(self) -> None:
        """Let go of its connections."""
        await self._http.aclose()
