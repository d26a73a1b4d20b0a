"""The sandbox with real processes, real pictures and real signals."""

import asyncio
import contextlib
import hashlib
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from services.enhancer.confinement import SandboxLimits
from services.enhancer.sandbox import Rendered, Sandbox
from shared.errors import Permanent, Problem, Transient

COMPRESS = {"operation": "compress", "provider": "local", "params": {}}
SLOW = {"operation": "compress", "provider": "local", "params": {"format": "png"}}
LIMITS = SandboxLimits(seconds=30.0)


async def eventually(condition: Callable[[], Any], seconds_max: float = 10.0) -> None:
    """Wait until the condition holds, which is looked at every 5 ms."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, "It did not come to pass."
        await asyncio.sleep(0.005)  # noqa: ASYNC110 (the world outside has no event to wait for)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "photo.jpg"
    Image.linear_gradient("L").resize((300, 200)).convert("RGB").save(path, quality=95)
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 MP of noise, turned: takes seconds to become a PNG, and 48 MB to be turned upright."""
    path = tmp_path_factory.mktemp("pictures") / "large.jpg"
    noise = np.random.default_rng(1).integers(0, 256, (4_000, 4_000, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise).save(path, quality=60, exif=exif)
    return path


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox.open(1, LIMITS) as opened:
        yield opened


async def busy(sandbox: Sandbox, source: Path, output: Path) -> tuple[asyncio.Task[Rendered], int]:
    """Start a slow rendering on the only worker; return it and the worker's pid once pixels are being worked on."""
    (pid,) = sandbox.pids
    process = psutil.Process(pid)
    before = process.cpu_times().user
    task = asyncio.create_task(sandbox.render(source, output, SLOW))
    await eventually(lambda: process.cpu_times().user > before + 0.1)
    return task, pid


async def problem_of(rendering: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        await rendering
    return caught.value


async def test_a_rendering_tells_what_was_written(sandbox: Sandbox, photo: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    rendered = await sandbox.render(photo, output, {**COMPRESS, "params": {"max_side": 150}})
    data = output.read_bytes()
    assert (rendered.format, rendered.width, rendered.height) == ("jpeg", 150, 100)
    assert (rendered.source_width, rendered.source_height) == (300, 200)
    assert (rendered.bytes, rendered.digest) == (len(data), hashlib.sha256(data).hexdigest())
    assert 0 < rendered.seconds < 10
    assert Image.open(output).size == (150, 100)


async def test_the_same_source_and_recipe_give_the_same_bytes(sandbox: Sandbox, photo: Path, tmp_path: Path) -> None:
    both = [await sandbox.render(photo, tmp_path / name, COMPRESS) for name in ("one", "two")]
    assert both[0].digest == both[1].digest


async def test_more_images_than_workers_are_all_rendered(photo: Path, tmp_path: Path) -> None:
    async with Sandbox.open(2, LIMITS) as sandbox:
        done = await asyncio.gather(*(sandbox.render(photo, tmp_path / str(n), COMPRESS) for n in range(40)))
    assert len({rendered.digest for rendered in done}) == 1
    assert len(list(tmp_path.iterdir())) == 40


async def test_a_refused_image_leaves_no_output_and_a_working_sandbox(
    sandbox: Sandbox, photo: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(photo.read_bytes()[:-500])
    pids = sandbox.pids
    problem = await problem_of(sandbox.render(bad, tmp_path / "output", COMPRESS))
    assert isinstance(problem, Permanent)
    assert problem.problem == "truncated"
    assert not (tmp_path / "output").exists()
    assert (await sandbox.render(photo, tmp_path / "output", COMPRESS)).width == 300
    assert sandbox.pids == pids


async def test_a_crash_fails_the_image_that_crashed_and_no_other(photo: Path, large: Path, tmp_path: Path) -> None:
    async with Sandbox.open(1, LIMITS) as sandbox:
        crashing, pid = await busy(sandbox, large, tmp_path / "crashed")
        waiting = [asyncio.create_task(sandbox.render(photo, tmp_path / str(n), COMPRESS)) for n in range(5)]
        os.kill(pid, signal.SIGSEGV)
        problem = await problem_of(crashing)
        assert isinstance(problem, Permanent)
        assert problem.problem == "decode_failed"
        assert "SIGSEGV" in problem.detail
        assert [rendered.width for rendered in await asyncio.gather(*waiting)] == [300] * 5
        assert pid not in sandbox.pids


async def test_a_worker_killed_from_outside_is_worth_another_attempt(
    sandbox: Sandbox, photo: Path, large: Path, tmp_path: Path
) -> None:
    rendering, pid = await busy(sandbox, large, tmp_path / "output")
    os.kill(pid, signal.SIGKILL)
    problem = await problem_of(rendering)
    assert isinstance(problem, Transient)
    assert problem.problem == "out_of_memory"
    assert (await sandbox.render(photo, tmp_path / "output", COMPRESS)).width == 300


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_the_death_of_an_idle_worker_harms_no_image(
    number: signal.Signals, sandbox: Sandbox, photo: Path, tmp_path: Path
) -> None:
    for _ in range(3):
        (pid,) = sandbox.pids
        os.kill(pid, number)
        await eventually(partial(has_ended, pid))
        await asyncio.gather(*(sandbox.render(photo, tmp_path / str(n), COMPRESS) for n in range(3)))


async def test_a_hanging_worker_is_ended_in_time(photo: Path, large: Path, tmp_path: Path) -> None:
    async with Sandbox.open(1, replace(LIMITS, seconds=1.5)) as sandbox:
        (pid,) = sandbox.pids
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        problem = await problem_of(sandbox.render(photo, tmp_path / "hanging", COMPRESS))
        assert problem.problem == "decode_timeout"
        assert 1.4 < time.monotonic() - started < 5
        assert not psutil.pid_exists(pid)
        assert (await sandbox.render(photo, tmp_path / "output", COMPRESS)).width == 300


async def test_processor_time_is_limited_for_each_image(photo: Path, large: Path, tmp_path: Path) -> None:
    async with Sandbox.open(1, replace(LIMITS, cpu_seconds=0)) as sandbox:
        problem = await problem_of(sandbox.render(large, tmp_path / "slow", SLOW))
        assert isinstance(problem, Permanent)
        assert problem.problem == "decode_timeout"
        assert not (tmp_path / "slow").exists()
        assert (await sandbox.render(photo, tmp_path / "output", COMPRESS)).width == 300


async def test_an_image_that_needs_too_much_memory_fails_alone(photo: Path, large: Path, tmp_path: Path) -> None:
    async with Sandbox.open(1, replace(LIMITS, memory_bytes=100 << 20)) as sandbox:
        problem = await problem_of(sandbox.render(large, tmp_path / "large", COMPRESS))
        assert isinstance(problem, Permanent)
        assert problem.problem == "out_of_memory"
        assert (await sandbox.render(photo, tmp_path / "output", COMPRESS)).width == 300


async def test_an_output_beyond_its_limit_is_refused(photo: Path, large: Path, tmp_path: Path) -> None:
    async with Sandbox.open(1, replace(LIMITS, output_bytes=100_000)) as sandbox:
        problem = await problem_of(sandbox.render(large, tmp_path / "large", COMPRESS))
        assert problem.problem == "encode_failed"
        assert not (tmp_path / "large").exists()
        assert (await sandbox.render(photo, tmp_path / "output", COMPRESS)).width == 300


async def test_a_missing_source_is_not_the_images_fault(sandbox: Sandbox, tmp_path: Path) -> None:
    problem = await problem_of(sandbox.render(tmp_path / "nothing", tmp_path / "output", COMPRESS))
    assert isinstance(problem, Transient)
    assert problem.problem == "internal_error"


async def test_an_invalid_recipe_reaches_no_worker(sandbox: Sandbox, photo: Path, tmp_path: Path) -> None:
    problem = await problem_of(sandbox.render(photo, tmp_path / "output", {"operation": "__import__"}))
    assert problem.problem == "recipe_invalid"


async def test_workers_are_replaced_after_their_share_of_images(photo: Path, tmp_path: Path) -> None:
    async with Sandbox.open(1, replace(LIMITS, tasks_max=3)) as sandbox:
        seen = set()
        for _ in range(9):
            seen.update(sandbox.pids)
            await sandbox.render(photo, tmp_path / "output", COMPRESS)
            await eventually(lambda: sandbox.pids)
        assert len(seen) == 3


async def test_a_worker_that_has_grown_is_replaced(photo: Path, tmp_path: Path) -> None:
    async with Sandbox.open(1, replace(LIMITS, resident_bytes_max=1)) as sandbox:
        before = sandbox.pids
        await sandbox.render(photo, tmp_path / "output", COMPRESS)
        await eventually(lambda: sandbox.pids and sandbox.pids != before)
        assert not psutil.pid_exists(before[0])


async def test_a_cancelled_rendering_frees_its_place(
    sandbox: Sandbox, photo: Path, large: Path, tmp_path: Path
) -> None:
    rendering, pid = await busy(sandbox, large, tmp_path / "cancelled")
    rendering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await rendering
    assert (await sandbox.render(photo, tmp_path / "output", COMPRESS)).width == 300
    await eventually(lambda: not psutil.pid_exists(pid))
    assert not (tmp_path / "cancelled").exists()


async def test_a_worker_has_few_rights_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_SECRET", "hunter2")
    async with Sandbox.open(1, LIMITS) as sandbox:
        process = psutil.Process(sandbox.pids[0])
        assert "hunter2" not in str(process.environ())
        assert not [name for name in process.environ() if name.startswith(("DARKROOM", "AWS", "API"))]
        assert process.rlimit(resource.RLIMIT_AS) == (LIMITS.memory_bytes, LIMITS.memory_bytes)
        assert process.rlimit(resource.RLIMIT_FSIZE) == (LIMITS.output_bytes, LIMITS.output_bytes)
        assert process.rlimit(resource.RLIMIT_NOFILE) == (LIMITS.files, LIMITS.files)
        assert process.rlimit(resource.RLIMIT_CORE) == (0, 0)
        assert process.nice() >= 10
        assert "NoNewPrivs:\t1" in Path(f"/proc/{process.pid}/status").read_text()


async def test_leaving_the_sandbox_ends_its_workers(large: Path, tmp_path: Path) -> None:
    async with Sandbox.open(2, LIMITS) as sandbox:
        pids = sandbox.pids
        assert len(pids) == 2
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


OWNER = """
import asyncio
from services.enhancer.sandbox import Sandbox
async def main():
    async with Sandbox.open(2) as sandbox:
        print(*sandbox.pids, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_workers_end_with_the_process_that_owns_them() -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None
    pids = [int(pid) for pid in (await owner.stdout.readline()).split()]
    assert len(pids) == 2
    os.kill(pids[0], signal.SIGSTOP)  # one cannot even notice that its line is closed
    owner.kill()
    await owner.wait()
    await eventually(lambda: not [pid for pid in pids if psutil.pid_exists(pid) and not is_zombie(pid)])


def has_ended(pid: int) -> bool:
    """Whether a child of ours is gone with all its threads."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
