"""What acceptance tests share."""

import pytest

from tests.builders import Site


@pytest.fixture(scope="session")
def site(origin: str) -> Site:
    """The origin's pictures."""
    return Site(origin)
