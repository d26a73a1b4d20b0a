"""The project's own files, and what Python's grammar says of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("shared", "services", "client", "deploy", "docs", "benchmarks")
SERVICES = tuple(sorted(folder.parent.name for folder in (ROOT / "services").glob("*/__init__.py")))

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python file, by its path from the root."""

    path: Path

    @cached_property
    def text(self) -> str:
        """What stands in it."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """What it means."""
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        """How long it is."""
        return len(self.text.splitlines())

    def at(self, node: ast.expr | ast.stmt | ast.excepthandler) -> str:
        """Where a part of it stands, for people."""
        return f"{self.path}:{node.lineno}"

    def nodes(self) -> Iterator[ast.AST]:
        """Everything in it, at any depth."""
        return ast.walk(self.tree)

    def functions(self) -> Iterator[Function]:
        """Its functions and methods, at any depth."""
        return (node for node in self.nodes() if isinstance(node, Function))


@cache
def modules(*folders: str) -> list[Module]:
    """The Python files below these folders."""
    found = (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return [Module(file.relative_to(ROOT)) for file in found]


def written_files(*endings: str) -> Iterator[Path]:
    """Files of the project that people write, by their endings."""
    for folder in (*CODE, "tests"):
        yield from (file for ending in endings for file in sorted((ROOT / folder).rglob(f"*{ending}")))
    yield from (file for ending in endings for file in sorted(ROOT.glob(f"*{ending}")))


def called_names(node: ast.Call) -> tuple[str, str]:
    """What is called: `time.sleep()` is ("time", "sleep"), `print()` is ("", "print")."""
    match node.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return owner, name
        case ast.Attribute(attr=name):
            return "?", name
        case ast.Name(id=name):
            return "", name
    return "?", "?"
