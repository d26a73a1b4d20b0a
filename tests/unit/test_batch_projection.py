"""What is told of an image several times at once."""

from itertools import permutations
from uuid import UUID

import pytest

from services.gateway.projection import first_of_latest_runs
from services.gateway.store.images import ImageEnded

JOB, IMAGE = UUID(int=1), UUID(int=2)
OLD = ImageEnded(JOB, IMAGE, 1, "cancelled")
NEW = ImageEnded(JOB, IMAGE, 2, "succeeded")
AGAIN = ImageEnded(JOB, IMAGE, 2, "failed")


@pytest.mark.parametrize("told", list(permutations((OLD, NEW, OLD))))
def test_news_of_a_later_run_count_beside_those_of_an_earlier(told: tuple[ImageEnded, ...]) -> None:
    assert first_of_latest_runs(told) == {IMAGE: NEW}


def test_of_one_run_the_first_counts() -> None:
    assert first_of_latest_runs([NEW, AGAIN]) == {IMAGE: NEW}
    assert first_of_latest_runs([AGAIN, OLD, NEW]) == {IMAGE: AGAIN}
