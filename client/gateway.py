"""The gateway from Python: upload a product CSV, follow the job, take the results.

with Gateway("http://localhost:8000") as gateway:
    accepted = gateway.upload(Path("products.csv"), Options(quality=70))
    for status in gateway.watch(accepted.request_id):
        print(status.images.completed, "of", status.images.total)
    gateway.download(accepted.request_id, "zip", Path("results.zip"))
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote
from uuid import uuid4

import httpx

from client.answers import Accepted, Delivery, Details, Options, Secret, Status
from client.calls import RETRY_SECONDS, Away as Away, Refused as Refused
from client.streaming import StreamingCalls

FileFormat = Literal["csv", "json", "xlsx", "zip"]


class Gateway(StreamingCalls):
    """One gateway, as one account; raises Refused and Away.

    patience_seconds: how long a gateway that has answered before may be away, while it restarts.
    """

    def upload(self, csv: Path, options: Options | None = None, *, idempotency_key: str | None = None) -> Accepted:
        """Send a CSV. With the same key as before the gateway answers as before, and nothing is done twice."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}

        def send() -> httpx.Response:
            with csv.open("rb") as file:
                files = {"file": (csv.name, file, "text/csv")}
                return self._http.post(
                    "/api/upload", data=(options or Options()).fields(), files=files, headers=headers
                )

        response = self._patiently(send)
        return Accepted.model_validate(response.json() | {"answered_at": response.headers.get("date")})

    def status(self, request_id: str) -> Status:
        """Where a request is."""
        return Status.model_validate(self._get(f"/api/status/{quote(request_id, safe='')}").json())

    def watch(self, request_id: str) -> Iterator[Status]:
        """A status at every change until the request has ended: streamed, and asked for where the stream breaks off."""
        status = self.status(request_id)
        yield status
        while not status.has_ended:
            with suppress(httpx.TransportError):
                for data in self._news(f"/api/status/{quote(request_id, safe='')}/events"):
                    news = Status.model_validate_json(data)
                    if news != status:
                        status = news
                        yield status
            if not status.has_ended:
                time.sleep(RETRY_SECONDS)
                status = self.status(request_id)
                yield status

    def details(self, request_id: str) -> Details:
        """A request with all its products, and why images failed."""
        return Details.model_validate_json(self._get(f"/api/details/{quote(request_id, safe='')}").content)

    def download(self, request_id: str, format: FileFormat, into: Path) -> Path:
        """Save a result file as `into`, or in that folder under the gateway's name for it; gives where it is.

        The first call has the file written, which takes a while for many images: waits up to ten minutes.
        """
        path = f"/api/download/{quote(request_id, safe='')}"
        return self._save(path, {"format": format}, into, otherwise=f"results.{format}")

    def retry(self, request_id: str) -> Accepted:
        """Run the failed images again."""
        return Accepted.model_validate(self._post(f"/api/retry/{quote(request_id, safe='')}").json())

    def webhook_secret(self, *, rotate: bool = False) -> Secret:
        """What the account's webhooks are signed by; `rotate` makes a new one, the old one signs too for 24 hours."""
        response = self._post("/api/webhooks/secret/rotate") if rotate else self._get("/api/webhooks/secret")
        return Secret.model_validate(response.json())

    def deliveries(self, request_id: str) -> list[Delivery]:
        """The webhook messages of a request with their attempts, the oldest first."""
        found = self._get(f"/api/webhooks/{quote(request_id, safe='')}").json()["deliveries"]
        return [Delivery.model_validate(each) for each in found]

    def resend(self, request_id: str) -> str:
        """Send a request's webhook again; gives the id of the new delivery."""
        return str(self._post(f"/api/webhooks/{quote(request_id, safe='')}/resend").json()["delivery_id"])
