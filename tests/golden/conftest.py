"""Renders drawn pictures in this process: what the sandbox runs, without the sandbox."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from services.enhancer.confinement import SandboxLimits
from services.enhancer.domain import plan_rendition
from services.enhancer.engines.vips import allow_known_loaders_only
from services.enhancer.worker import answer
from shared.facts import Analysis

Compress = Callable[..., Image.Image]
Problem = Callable[..., str]


@pytest.fixture(scope="session", autouse=True)
def known_loaders_only() -> None:
    allow_known_loaders_only()


@pytest.fixture
def rendered(tmp_path: Path) -> Callable[..., tuple[dict[str, Any], Path]]:
    """Run an operation on the bytes of a file; return the worker's answer and the path of the output."""
    numbers = itertools.count()

    def render(content: bytes, name: str = "compress", **params: Any) -> tuple[dict[str, Any], Path]:
        number = next(numbers)
        source, output = tmp_path / f"source-{number}", tmp_path / f"output-{number}"
        source.write_bytes(content)
        operation, complete = plan_rendition({"operation": name, "params": params})
        request = {"operation": operation, "params": complete, "source": str(source), "output": str(output)}
        return answer(request, SandboxLimits()), output

    return render


@pytest.fixture
def made(rendered: Callable[..., tuple[dict[str, Any], Path]]) -> Callable[..., bytes]:
    def make(content: bytes, name: str, **params: Any) -> bytes:
        said, output = rendered(content, name, **params)
        assert "problem" not in said, said
        data = output.read_bytes()
        assert len(data) == said["bytes"]
        return data

    return make


@pytest.fixture
def compressed(made: Callable[..., bytes]) -> Callable[..., bytes]:
    return lambda content, **params: made(content, "compress", **params)


@pytest.fixture
def enhanced(made: Callable[..., bytes]) -> Callable[..., bytes]:
    return lambda content, side, **params: made(content, "enhance", side=side, **params)


@pytest.fixture
def analysis(tmp_path: Path) -> Callable[[bytes], Analysis]:
    """What the local analyser tells of the bytes of a file."""

    def analyze(content: bytes) -> Analysis:
        source = tmp_path / "picture"
        source.write_bytes(content)
        said = answer({"operation": "analyze", "params": {}, "source": str(source)}, SandboxLimits())
        assert "problem" not in said, said
        return Analysis.model_validate(said["analysis"])

    return analyze


@pytest.fixture
def problem(rendered: Callable[..., tuple[dict[str, Any], Path]]) -> Problem:
    def why(content: bytes, name: str = "compress", **params: Any) -> str:
        said, output = rendered(content, name, **params)
        assert not output.exists()
        assert said.get("detail"), said
        return str(said["problem"])

    return why
