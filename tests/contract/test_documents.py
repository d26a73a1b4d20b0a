"""The documents that are made from the code are those in the repository."""

from pathlib import Path

import pytest

from docs.generate import COMMAND, FOLDER, documents, unexpected

MADE = documents()


@pytest.mark.parametrize("file", MADE, ids=lambda file: str(file.relative_to(FOLDER)))
def test_a_document_is_up_to_date(file: Path) -> None:
    assert file.exists(), f"missing: run `{COMMAND}`"
    assert file.read_text(encoding="utf-8") == MADE[file], f"stale: run `{COMMAND}`"


def test_nothing_lies_about_that_nothing_makes() -> None:
    assert unexpected() == [], f"left over: run `{COMMAND}`"


def test_making_the_documents_again_gives_the_same_text() -> None:
    assert documents() == MADE
