"""How the gateway is called from Python: patiently through its restarts, with one sentence for what it refuses."""

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from shared.errors import DarkroomError

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 60.0
RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
NO_KEY = "That is no API key: keys look like dk_0123456789ab_…"


class Refused(DarkroomError):
    """The gateway said no.

    problem: its stable code, where there is one. errors: the bad rows of a CSV, each with row, column and message.
    """

    def __init__(self, status: int, detail: str, content: dict[str, Any]) -> None:
        reason = str(content.get("reason", "")).rstrip(".")
        super().__init__(f"{detail} ({reason})" if reason else detail)
        self.status = status
        self.problem = str(content.get("problem", ""))
        self.errors = [each for each in content.get("errors", []) if isinstance(each, dict)]


class Away(DarkroomError):
    """The gateway does not answer, or says that it can't work now."""


class Calls:
    """One gateway, as who has the key; raises Refused and Away.

    patience_seconds: how long a gateway that has answered before may be away, while it restarts.
    """

    def __init__(self, url: str, *, api_key: str | None = None, patience_seconds: float = PATIENCE_SECONDS) -> None:
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise Refused(HTTPStatus.UNAUTHORIZED, NO_KEY, {})
        self.url = url.rstrip("/")
        self._patience_seconds = patience_seconds
        self._has_answered = False
        self._http = httpx.Client(
            base_url=self.url,
            headers={"X-API-Key": api_key} if api_key else {},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def _get(self, path: str) -> httpx.Response:
        return self._patiently(lambda: self._http.get(path))

    def _post(self, path: str, content: Mapping[str, Any] | None = None, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self._patiently(lambda: self._http.post(path, json=content, headers=headers))

    def _patiently(self, send: Callable[[], httpx.Response], seconds: float | None = None) -> httpx.Response:
        """Send, again after faults that pass: what is sent so is safe to repeat, by its method or its key.

        seconds: patience for this request; 0 sends what is not safe to repeat, once.
        """
        deadline = time.monotonic() + (self._patience_seconds if seconds is None else seconds)
        while True:
            try:
                response = send()
            except httpx.TransportError as error:
                fault = f"The gateway at {self.url} does not answer: {error or type(error).__name__}"
            else:
                self._has_answered = True
                if not _passes(response):
                    return _expect_success(response)
                fault = f"The gateway at {self.url} can't work now: {_detail(response)}"
            if not self._has_answered or time.monotonic() > deadline:
                raise Away(fault)
            time.sleep(RETRY_SECONDS)


def _passes(response: httpx.Response) -> bool:
    """Whether the answer may be another one soon."""
    still_running = response.status_code == HTTPStatus.CONFLICT and "retry-after" in response.headers
    return response.status_code in (502, 503, 504) or still_running


def _expect_success(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise Refused(response.status_code, _detail(response), _content(response))


def _detail(response: httpx.Response) -> str:
    """What the gateway said in its answer, in one sentence."""
    content = _content(response)
    detail = content.get("detail") or content.get("error") or f"HTTP {response.status_code} {response.reason_phrase}"
    return detail if isinstance(detail, str) else json.dumps(detail)


def _content(response: httpx.Response) -> dict[str, Any]:
    try:
        content = json.loads(response.read())
    except ValueError:
        return {}
    finally:
        response.close()
    return content if isinstance(content, dict) else {}
