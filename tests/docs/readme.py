"""The README as tests read it, and a shell that its commands run in."""

import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """The fenced blocks in this language, in their order."""
    text = README.read_text(encoding="utf-8")
    return [content for found, content in BLOCK.findall(text) if found == language]


class Shell:
    """One bash in a folder: blocks run one after the other, and see what earlier ones set."""

    def __init__(self, folder: Path) -> None:
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bash.kill()
        self._bash.communicate()

    def run(self, block: str) -> str:
        """What a block writes; every command in it must succeed."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        mark = uuid4().hex
        checked = "".join(f"{line} || echo {mark} failed\n" for line in block.splitlines())
        self._bash.stdin.write(f"set -o pipefail\n{checked}echo\necho {mark}\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            assert f"{mark} failed" not in line, f"{block}{''.join(lines)}"
            if mark in line:
                break
            lines.append(line)
        return "".join(lines).strip()
