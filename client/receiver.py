"""Receives webhooks and keeps what came, for the demo, tests and whoever builds a receiver of their own.

    POST /hook…       keeps the delivery and answers 204; `?fail=2&status=503` refuses the first two at that target
    GET /received     all deliveries, oldest first; `?path=/hook/a` those of one path
    POST /secret      the body is the `whsec_…` secret to verify with from now on
    DELETE /received  forgets them

A delivery is `{received_at, target, status, verified, problem, headers, body, json}`; without a secret `verified` is
null.
`python -m client.receiver --port 0 --secret whsec_…` prints {"url": "http://127.0.0.1:…"} when it is ready.
"""

import json
from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
import uvloop
from standardwebhooks import Webhook, WebhookVerificationError

from client.local_server import Request, Response, json_response, serve_until_stopped

DELIVERIES_MAX = 10_000


@dataclass(frozen=True)
class Received:
    """One webhook as it came, and what was answered."""

    received_at: str
    target: str
    status: int
    verified: bool | None
    problem: str
    headers: dict[str, str]
    body: str
    json: object


class Receiver:
    """The receiver: pass `respond` to a server. It keeps the last 10,000 deliveries."""

    def __init__(self, secret: str | None = None) -> None:
        self.deliveries: deque[Received] = deque(maxlen=DELIVERIES_MAX)
        self._webhook = Webhook(secret) if secret else None
        self._refusals: Counter[str] = Counter()

    def respond(self, request: Request) -> Response:
        """Keep, list or forget deliveries."""
        if request.method == "POST" and request.path.startswith("/hook"):
            return self._receive(request)
        if request.path == "/secret" and request.method == "POST":
            self._webhook = Webhook(request.body.decode().strip())
            return Response(204)
        if request.path != "/received":
            return Response(404)
        if request.method == "DELETE":
            self.deliveries.clear()
            return Response(204)
        path = request.query.get("path")
        return json_response(
            [asdict(each) for each in self.deliveries if path in (None, each.target.partition("?")[0])]
        )

    def _receive(self, request: Request) -> Response:
        status = 204
        if self._refusals[request.target] < int(request.query.get("fail", "0")):
            self._refusals[request.target] += 1
            status = int(request.query.get("status", "500"))
        verified, problem = self._verify(request)
        body = request.body.decode(errors="replace")
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        self.deliveries.append(
            Received(now, request.target, status, verified, problem, request.headers, body, _parsed(body))
        )
        return Response(status)

    def _verify(self, request: Request) -> tuple[bool | None, str]:
        if self._webhook is None:
            return None, ""
        try:
            self._webhook.verify(request.body, request.headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:  # a signature that is no base64 is a ValueError
            return False, str(error)
        return True, ""


def _parsed(body: str) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def main(
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    secret: Annotated[str | None, typer.Option(help="whsec_… to verify signatures with.")] = None,
) -> None:
    """Receive webhooks, verify them and list what came."""
    uvloop.run(serve_until_stopped(Receiver(secret).respond, host, port))


if __name__ == "__main__":
    typer.run(main)
