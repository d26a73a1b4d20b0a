"""What takes longer than an answer: files that are written first, and news that come as they happen."""

import time
from collections.abc import Iterator, Mapping
from email.message import Message
from http import HTTPStatus
from pathlib import Path

import httpx

from client.calls import ANSWER_SECONDS, CONNECT_SECONDS, RETRY_SECONDS, Away, Calls

SILENCE_SECONDS = 40.0
"""Progress is pinged every 15 s: a stream that is silent for longer is dead."""
DOWNLOAD_SECONDS_MAX = 600.0
EXPORT_ANSWER_SECONDS = 130.0
"""A gateway may hold a request for a file so long, until the file is written."""
CHUNK_BYTES = 1 << 18


class StreamingCalls(Calls):
    """One gateway, for downloads and Server-Sent Events; raises Refused and Away."""

    def _save(self, path: str, params: Mapping[str, str], into: Path, *, otherwise: str) -> Path:
        """Save a file as `into`, or in that folder under the gateway's name for it; gives where it is.

        The first call has the file written, which takes a while for many images: waits up to ten minutes.
        otherwise: its name where the gateway gives it none.
        """
        deadline = time.monotonic() + DOWNLOAD_SECONDS_MAX
        while (saved := self._download(path, params, into, otherwise)) is None:
            if time.monotonic() > deadline:
                raise Away(f"{otherwise} was not written within {DOWNLOAD_SECONDS_MAX:.0f} s.")
            time.sleep(RETRY_SECONDS)
        return saved

    def _download(self, path: str, params: Mapping[str, str], into: Path, otherwise: str) -> Path | None:
        timeout = httpx.Timeout(EXPORT_ANSWER_SECONDS, connect=CONNECT_SECONDS)
        request = self._http.build_request("GET", path, params=params, timeout=timeout)
        response = self._patiently(lambda: self._http.send(request, stream=True))
        try:
            if response.status_code == HTTPStatus.ACCEPTED:
                return None
            file = into / _file_name(response, otherwise) if into.is_dir() else into
            part = file.with_name(f".{file.name}.part")
            with part.open("wb") as opened:
                for chunk in response.iter_bytes(CHUNK_BYTES):
                    opened.write(chunk)
            return part.replace(file)
        finally:
            response.close()

    def _news(self, path: str) -> Iterator[str]:
        """The data of each event of a stream; none when the stream is refused."""
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=SILENCE_SECONDS)
        with self._http.stream("GET", path, timeout=timeout) as response:
            for line in response.iter_lines() if response.status_code == HTTPStatus.OK else ():
                if line.startswith("data:"):
                    yield line.removeprefix("data:")


def _file_name(response: httpx.Response, otherwise: str) -> str:
    """The name that the gateway gives a file, without any folder."""
    header = Message()
    header["Content-Disposition"] = response.headers.get("content-disposition", "")
    return Path(header.get_filename() or otherwise).name or otherwise
