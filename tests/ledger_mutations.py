"""Takes each guard of the ledger away in turn, and tells which test notices: `python -m tests.ledger_mutations`.

Words on the command line choose the guards whose names or files contain one of them. Exit code 1 when a guard is not
missed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.brokers import running_postgres
from tests.ledger_mutants import MUTANTS
from tests.mutants import Mutant
from tests.tidy.sources import ROOT

COPIED = ("client", "deploy", "services", "shared", "tests")
TESTS = (
    "tests/unit/test_ledger_domain.py",
    "tests/unit/test_regeneration.py",
    "tests/integration/test_ledger_guards.py",
    "tests/integration/test_ledger_store.py",
    "tests/integration/test_ledger.py",
    "tests/integration/test_ledger_reversal.py",
    "tests/integration/test_ledger_regeneration.py",
    "tests/integration/test_ledger_crowds.py",
    "tests/integration/test_ledger_model.py",
)
FEW = {
    "DARKROOM_TEST_LEDGER_EXAMPLES": "20",
    "DARKROOM_TEST_LEDGER_HOLDS": "40",
    "DARKROOM_TEST_LEDGER_PHASES": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
SECONDS_MAX = 300


def main(words: list[str]) -> int:
    """Try the guards; how many were not missed."""
    chosen = [each for each in MUTANTS if not words or any(word in f"{each.guard} {each.file}" for word in words)]
    with running_postgres() as url, copied_tree() as tree:
        if found := first_red(tree, url):
            raise SystemExit(f"The tests are red before anything is taken away: {found}")
        survivors = [each for each in chosen if not told(each, notices(tree, url, each))]
    print(f"{len(chosen)} guards taken away, {len(survivors)} not missed")
    return len(survivors)


@contextmanager
def copied_tree() -> Iterator[Path]:
    """The project in a folder where it may be changed."""
    with tempfile.TemporaryDirectory(prefix="darkroom-mutants-") as folder:
        for name in COPIED:
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        yield Path(folder)


def notices(tree: Path, url: str, mutant: Mutant) -> str | None:
    """The first test that fails without the guard; None: nobody misses it."""
    file = tree / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.guard}: stands {text.count(mutant.old)} times in {mutant.file}"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        return first_red(tree, url)
    finally:
        file.write_text(text, encoding="utf-8")


def first_red(tree: Path, url: str) -> str | None:
    """The first test that fails in the tree, or what else went wrong."""
    command = [sys.executable, "-m", "pytest", "-x", "--tb=no", "-rfE", "--timeout=60", *TESTS]
    environment = os.environ | FEW | {"DARKROOM_TEST_POSTGRES_URL": url}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, check=False, capture_output=True, text=True, timeout=SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        return f"nothing ends within {SECONDS_MAX} s"
    if done.returncode == 0:
        return None
    red = (line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR ")))
    return next(red, "").split(" - ")[0].partition("tests/")[2] or f"exit code {done.returncode}"


def told(mutant: Mutant, noticed: str | None) -> bool:
    """Say what became of the guard; whether it was missed."""
    print(f"{'missed' if noticed else 'ALIVE '}  {mutant.guard}: {noticed or '-'}", flush=True)
    return noticed is not None


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
