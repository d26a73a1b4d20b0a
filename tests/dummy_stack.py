"""A supervisor of programs that need no broker, as a process: python -m tests.dummy_stack <home>."""

import asyncio
import sys
from pathlib import Path

from deploy.local.programs import Program
from deploy.local.state import Home, State
from deploy.local.supervision import Supervision

SLEEPER = "import signal, sys; print('started', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('started', flush=True); signal.pause()"


def program(name: str, code: str, mark: str, *, rank: int = 0, stop_seconds: float = 5) -> Program:
    """A Python one-liner as a member of a stack."""
    return Program(
        name=name,
        command=(sys.executable, "-S", "-c", code),
        environment={"DARKROOM_STACK_MARK": mark},
        folder=Path("/"),
        rank=rank,
        stop_seconds=stop_seconds,
    )


async def main() -> None:
    """Supervise two sleepers until killed."""
    home, state = Home(Path(sys.argv[1])), State()
    home.make()
    supervision = Supervision(home, state)
    for name in ("first", "second"):
        await supervision.start(program(name, SLEEPER, state.mark))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
