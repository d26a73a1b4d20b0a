"""test, lint and bench: what those run who work on Darkroom itself."""

import subprocess
import sys
from pathlib import Path

import typer
from rich.console import Console

CHECKOUT = Path(__file__).resolve().parents[2]

console = Console(highlight=False)


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


CHECKS = {
    "format": _python("-m", "ruff", "format", "--check", "."),
    "rules": _python("-m", "ruff", "check", "."),
    "types": _python("-m", "mypy"),
    "imports": _python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
}


def _run(command: list[str]) -> None:
    raise typer.Exit(subprocess.run(command, check=False, cwd=CHECKOUT).returncode)


IN_TWO_PROCESSES = ("-n", "2", "--dist", "loadfile")


def test(context: typer.Context) -> None:
    """Run the tests, in two processes, each with stacks of its own; arguments go to pytest (`-n 0`: in one).

    [bold]Examples[/bold]

      ./darkroom test

      ./darkroom test tests/unit -k retry
    """
    _run(_python("-m", "pytest", *IN_TWO_PROCESSES, *context.args))


def bench(context: typer.Context) -> None:
    """Run the benchmarks; arguments go to them.

    [bold]Examples[/bold]

      ./darkroom bench

      ./darkroom bench enhancement --pictures ~/photographs

      ./darkroom bench --help
    """
    _run(_python("-m", "benchmarks", *context.args))


def lint() -> None:
    """Check format, rules, types and who may import whom; one line per check, and the findings of those that fail.

    [bold]Example[/bold]

      ./darkroom lint
    """
    failed = 0
    for name, command in CHECKS.items():
        done = subprocess.run(command, check=False, cwd=CHECKOUT, capture_output=True, text=True)
        failed += done.returncode != 0
        console.print(f"{name:<8} {'[green]ok[/green]' if done.returncode == 0 else '[red]failed[/red]'}")
        if done.returncode != 0:
            sys.stdout.write(f"{done.stdout}{done.stderr}")
    raise typer.Exit(1 if failed else 0)
