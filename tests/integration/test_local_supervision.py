"""The supervisor's promises, kept with small programs in place of brokers and services."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.identity import ProcessIdentity, find_marked, wait_until
from deploy.local.logs import last_lines
from deploy.local.stack import Stack
from deploy.local.state import CHECKOUT, Home, Member, State
from deploy.local.supervision import Supervision
from tests.dummy_stack import SLEEPER, STUBBORN, program

SECONDS_MAX = 10


async def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


@pytest.fixture
async def supervision(tmp_path: Path) -> AsyncIterator[Supervision]:
    found = Supervision(Home(tmp_path / "home"), State())
    found.home.make()
    yield found
    await found.stop(gently=False)


def has_written(supervision: Supervision, name: str, times: int = 1) -> bool:
    log = supervision.home.log_of(name)
    return log.exists() and log.read_text().count("started") >= times


async def test_a_killed_child_is_started_again_and_the_state_says_so(supervision: Supervision) -> None:
    await supervision.start(program("sleeper", SLEEPER, supervision.state.mark))
    first = supervision.state.members["sleeper"].process
    first.send(signal.SIGKILL)
    await eventually(lambda: supervision.state.members["sleeper"].process != first)

    remembered = supervision.home.load()
    assert remembered is not None
    assert remembered.members["sleeper"].restarts == 1
    assert remembered.members["sleeper"].process.is_alive()
    assert not first.is_alive()


async def test_a_child_that_keeps_dying_is_complained_of_with_its_last_words(supervision: Supervision) -> None:
    await supervision.start(program("broken", "raise SystemExit('no such thing')", supervision.state.mark))
    await eventually(lambda: supervision.children["broken"].deaths_in_a_row >= 4)
    with pytest.raises(StackError, match="broken does not start: no such thing"):
        supervision.complain_of_early_deaths("broken")


async def test_a_stubborn_child_is_killed_when_its_time_is_over(supervision: Supervision) -> None:
    await supervision.start(program("stubborn", STUBBORN, supervision.state.mark, stop_seconds=0.2))
    process = supervision.state.members["stubborn"].process
    await eventually(lambda: has_written(supervision, "stubborn"))
    await supervision.stop(gently=True)
    assert not process.is_alive()
    assert supervision.state.members == {}


async def test_higher_ranks_end_before_lower_ones(supervision: Supervision) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, lambda *_: (print(time.time_ns()), exit(0)));"
        "print('started', flush=True); signal.pause()"
    )
    for name, rank in (("broker", 1), ("service", 2)):
        await supervision.start(program(name, code, supervision.state.mark, rank=rank))
    await eventually(lambda: all(has_written(supervision, name) for name in ("broker", "service")))
    await supervision.stop(gently=True)
    ended = {name: int(last_lines(supervision.home.log_of(name), 1)[0]) for name in ("broker", "service")}
    assert ended["service"] < ended["broker"]


async def test_what_a_dead_child_left_behind_is_ended(supervision: Supervision) -> None:
    worker = f"import subprocess, sys; subprocess.Popen([sys.executable, '-S', '-c', {SLEEPER!r}]);"
    await supervision.start(program("parent", worker + SLEEPER, supervision.state.mark))
    await eventually(lambda: len(list(find_marked(supervision.state.mark))) == 2)
    before = set(find_marked(supervision.state.mark))
    supervision.state.members["parent"].process.send(signal.SIGKILL)
    await eventually(lambda: not any(process.is_alive() for process in before))


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    supervisor = subprocess.Popen([sys.executable, "-m", "tests.dummy_stack", str(home.folder)], cwd=CHECKOUT)
    try:
        assert wait_until(lambda: len((home.load() or State()).members) == 2, SECONDS_MAX)
        state = home.load()
        assert state is not None
        children = [member.process for member in state.members.values()]
        assert all(child.is_alive() for child in children)
    finally:
        supervisor.kill()
        supervisor.wait()
    assert wait_until(lambda: not any(child.is_alive() for child in children), SECONDS_MAX)


def test_a_reused_pid_is_not_taken_for_ours(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
    try:
        now = ProcessIdentity.of(stranger.pid)
        assert now is not None
        ours = now.model_copy(update={"started_ticks": now.started_ticks - 1})
        stack = Stack(tmp_path / "home")
        stack.home.make()
        member = Member(process=ours, port=1, started_at=time.time())
        stack.home.save(State(phase="running", supervisor=ours, members={"rabbitmq": member}))

        assert not stack.is_running
        assert stack.status() == []
        assert stack.stop() is False
        assert now.is_alive()
        with pytest.raises(StackError, match="rabbitmq is not running"):
            stack.kill("rabbitmq")
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_of_an_earlier_boot_is_not_taken_for_ours() -> None:
    now = ProcessIdentity.of(os.getpid())
    assert now is not None and now.is_alive()
    assert not now.model_copy(update={"boot_id": "another"}).is_alive()


def test_unreaped_remains_count_as_gone() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    identity = ProcessIdentity.of(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert identity is not None
    assert not identity.is_alive()
    child.wait()


def test_a_home_that_the_user_chose_keeps_what_is_not_ours(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.home.save(State())
    (tmp_path / "letter.txt").write_text("dear")
    stack.destroy()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("text", ["", "{", '{"version": 2}'])
def test_a_damaged_state_is_one_clear_sentence(tmp_path: Path, text: str) -> None:
    stack = Stack(tmp_path)
    stack.home.state_file.write_text(text)
    with pytest.raises(StackError, match="is damaged"):
        stack.status()
