"""The parent's end of one worker process: start it, ask it one thing at a time, learn why it died."""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from services.enhancer.confinement import SandboxLimits
from services.enhancer.engines.failures import OUT_OF_MEMORY
from shared.errors import DarkroomError, Permanent, Problem, Transient

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
LAST_WORDS_BYTES = 4_096
ANSWER_BYTES_MAX = 1 << 20
# Nothing of the parent's environment: it holds keys and passwords.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "VIPS_CONCURRENCY": "1",
    "VIPS_WARNING": "0",
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}


class WorkerDied(DarkroomError):
    """The worker process ended, or stopped making sense, instead of answering."""


class WorkerProcess:
    """One confined process that renders one image at a time."""

    def __init__(self, process: asyncio.subprocess.Process, errors: BinaryIO) -> None:
        self._process = process
        self._errors = errors
        self.tasks = 0

    @classmethod
    async def start(cls, limits: SandboxLimits) -> "WorkerProcess":
        """Spawn a worker and wait until it is ready; WorkerDied, OSError, TimeoutError."""
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the process has ended)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-s", "-m", "services.enhancer.worker"),
                *(json.dumps(asdict(limits)), str(os.getpid())),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=ANSWER_BYTES_MAX,
                cwd=ROOT,
                env=ENVIRONMENT,
            )
        except BaseException:
            errors.close()
            raise
        worker = cls(process, errors)
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker._hear()
        except BaseException:
            await worker.end()
            raise
        return worker

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked; the kernel knows of a death before the event loop does."""
        if self._process.returncode is not None or self._has_hung_up():
            return False
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def _has_hung_up(self) -> bool:
        return self._process.stdout is not None and self._process.stdout.at_eof()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer; WorkerDied."""
        assert self._process.stdin is not None
        self.tasks += 1
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            return await self._hear()
        except ConnectionError as error:
            raise WorkerDied(str(error)) from error

    async def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            message = json.loads(await self._process.stdout.readline())
        except ValueError as error:  # the end of the line, no JSON, or longer than any answer
            raise WorkerDied("no answer") from error
        if not isinstance(message, dict):
            raise WorkerDied("no answer")
        return message

    async def end(self) -> Problem:
        """Kill it if it still lives, wait for its end, and tell what its death says about the image it was at."""
        killed_by_us = not await self._ends_by_itself()
        if killed_by_us:
            self._process.kill()
        code = await self._process.wait()
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - LAST_WORDS_BYTES))
        last_words = self._errors.read().decode(errors="replace")
        self._errors.close()
        if killed_by_us:
            return Permanent("decode_failed", "The worker stopped making sense at this picture.")
        return cause_of_death(code, last_words)

    async def _ends_by_itself(self) -> bool:
        """Give a process that closed its line a moment to be gone, so that its own signal is seen and not ours."""
        if self._process.returncode is not None:
            return True
        if self.is_alive:
            return False
        try:
            await asyncio.wait_for(self._process.wait(), 1.0)
        except TimeoutError:
            return False
        return True


def cause_of_death(code: int, last_words: str) -> Problem:
    """Read a worker's exit: a kill from outside is nobody's fault, everything else is the image's."""
    if code in (-signal.SIGKILL, -signal.SIGTERM):
        return Transient("out_of_memory", "The worker was killed from outside, mostly a sign of too little memory.")
    if code == -signal.SIGXCPU:
        return Permanent("decode_timeout", "The picture takes more processor time than one image may have.")
    if OUT_OF_MEMORY.search(last_words):
        return Permanent("out_of_memory", "The picture needs more memory than one image may have.")
    name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    said = re.sub(r"\s+", " ", last_words)[-120:].strip()
    return Permanent("decode_failed", f"The decoder crashed ({name}{': ' + said if said else ''}).")
