"""Batches from Python: have a CSV of image URLs analysed, follow it, take the results.

with Batches("http://localhost:8000") as batches:
    made = batches.create(Path("shops.csv"))
    for progress in batches.watch(made.batch_id):
        print(progress.processed_count, "of", progress.total_urls)
    batches.export(made.batch_id, "csv", Path("results.csv"))
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import httpx

from client.batch_answers import Analysis, Batch, BatchOptions, BatchStatus, Created, ExportFormat, Progress
from client.calls import RETRY_SECONDS
from client.streaming import StreamingCalls

PAGE = 100
POLL_SECONDS_MAX = 30.0

Step = Literal["start", "pause", "resume", "cancel"]


class Batches(StreamingCalls):
    """The batches of one account at one gateway; raises Refused and Away."""

    def create(self, csv: Path, options: BatchOptions | None = None, *, idempotency_key: str | None = None) -> Created:
        """Send a CSV. With the same key as before the gateway answers as before, and nothing is done twice."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}

        def send() -> httpx.Response:
            with csv.open("rb") as file:
                files = {"file": (csv.name, file, "text/csv")}
                fields = (options or BatchOptions()).fields()
                return self._http.post("/api/v1/batches", data=fields, files=files, headers=headers)

        response = self._patiently(send)
        made = response.json()["data"]["batch_info"]
        return Created.model_validate(made | {"answered_at": response.headers.get("date")})

    def batch(self, batch_id: str) -> Batch:
        """A batch with its name and times."""
        status = self._get(f"{_path(batch_id)}/status").json()["data"]
        return Batch.model_validate(status["batch_info"] | status["progress"] | status["performance"])

    def newest(self, *, status: BatchStatus | None = None, limit: int = PAGE, hidden: bool = False) -> list[Batch]:
        """The newest batches, at most 100; `hidden`: also those that are to be deleted soon."""
        said = {"status": status, "limit": str(limit), "include_soft_deleted": "true" if hidden else None}
        query = httpx.QueryParams({name: value for name, value in said.items() if value})
        return [Batch.model_validate(each) for each in self._get(f"/api/v1/batches?{query}").json()["data"]["batches"]]

    def watch(self, batch_id: str) -> Iterator[Progress]:
        """Progress at every change until the batch has ended: streamed, and asked for where the stream breaks off."""
        progress, pause = self._progress(batch_id)
        yield progress
        while not progress.has_ended:
            with suppress(httpx.TransportError):
                for data in self._news(f"{_path(batch_id)}/events"):
                    pause = RETRY_SECONDS
                    news = Progress.model_validate_json(data)
                    if news != progress:
                        progress = news
                        yield progress
            if not progress.has_ended:
                time.sleep(pause)
                progress, pause = self._progress(batch_id)
                yield progress

    def steer(self, batch_id: str, step: Step) -> str:
        """Start, pause, resume or cancel a batch; what the gateway says of it."""
        return _message(self._post(f"{_path(batch_id)}/{step}"))

    def retry(self, batch_id: str) -> str:
        """Run the failed images of an ended batch again."""
        return _message(self._post(f"{_path(batch_id)}/retry?only=failed"))

    def clone(self, batch_id: str, name: str, *, copy_results: bool = False) -> dict[str, Any]:
        """Make a batch of the same URLs, which waits to be started; with the results too, only the rest has to run."""
        content = {"new_name": name, "copy_results": copy_results}
        return _data(self._post(f"{_path(batch_id)}/clone", content))

    def delete(self, batch_id: str, *, force: bool = False) -> None:
        """Delete a batch with its results, for good; one that is active only by force."""
        params = {"force": "true"} if force else {}
        self._patiently(lambda: self._http.delete(_path(batch_id), params=params))

    def hide(self, batch_id: str, retention_days: int) -> str:
        """Stop a batch and delete it in so many days."""
        return _message(self._post(f"{_path(batch_id)}/soft-delete", {"retention_days": retention_days}))

    def analysis(self, batch_id: str) -> Analysis:
        """What went wrong in a batch."""
        return Analysis.model_validate(_data(self._get(f"{_path(batch_id)}/analyze")))

    def export(self, batch_id: str, format: ExportFormat, into: Path, filters: Mapping[str, str] | None = None) -> Path:
        """Save the results as `into`, or in that folder under the gateway's name for them; gives where they are.

        filters: as `success_only`, `failed_only`, `has_store_name`, `has_contact`, each "true".
        """
        path = f"/api/v1/export/batch/{quote(batch_id, safe='')}"
        return self._save(path, {"format": format, **(filters or {})}, into, otherwise=f"results.{format}")

    def _progress(self, batch_id: str) -> tuple[Progress, float]:
        """How far a batch is, and after how many seconds to ask again."""
        response = self._get(f"{_path(batch_id)}/progress")
        seconds = float(response.headers.get("x-polling-interval", RETRY_SECONDS))
        return Progress.model_validate(_data(response)), min(seconds, POLL_SECONDS_MAX)


def _path(batch_id: str) -> str:
    return f"/api/v1/batches/{quote(batch_id, safe='')}"


def _data(response: httpx.Response) -> dict[str, Any]:
    return dict(response.json()["data"])


def _message(response: httpx.Response) -> str:
    content = response.json()
    return str(content.get("message") or content["data"].get("message") or "Done.")
