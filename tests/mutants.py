"""What a mutant is: a guard that is taken away, to see a test go red."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A guard and its place: `old` stands once in `file`, `new` takes its place."""

    guard: str
    file: str
    old: str
    new: str = ""


def of(file: str, *guards: tuple[str, str, str]) -> list[Mutant]:
    """The mutants of a file: each guard with its name, and what it becomes."""
    return [Mutant(guard, file, old, new) for guard, old, new in guards]
