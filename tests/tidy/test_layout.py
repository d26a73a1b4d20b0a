"""Every service is laid out alike, and a newcomer finds the way."""

from pathlib import Path

import pytest

from tests.tidy.sources import ROOT, SERVICES

MAIN_LINES_MAX = 25
TOUR = (
    "shared/events.py",
    "services/gateway/api/products.py",
    "shared/outbox.py",
    "shared/service.py",
    "services/fetcher/handlers.py",
    "services/enhancer/handlers.py",
    "services/exporter/handlers.py",
    "services/ledger/handlers.py",
)
README = ROOT / "README.md"
MIGRATION_FOLDERS = sorted(
    {file.parent for folder in ("services", "shared") for file in (ROOT / folder).rglob("migrations/**/*.sql")}
)

each_service = pytest.mark.parametrize("service", SERVICES)
each_migrations = pytest.mark.parametrize("folder", MIGRATION_FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))


@each_service
@pytest.mark.parametrize("part", ["main", "handlers", "ports", "store", "settings", "domain"])
def test_a_service_has_its_part(service: str, part: str) -> None:
    folder = ROOT / "services" / service
    assert (folder / f"{part}.py").is_file() or (folder / part / "__init__.py").is_file() or is_needless(service, part)


def is_needless(service: str, part: str) -> bool:
    """The fetcher has nothing to decide that is not about addresses, pictures or retries, which are shared."""
    return (service, part) == ("fetcher", "domain")


@each_service
def test_a_service_starts_on_one_screen(service: str) -> None:
    main = ROOT / "services" / service / "main.py"
    assert len(main.read_text(encoding="utf-8").splitlines()) <= MAIN_LINES_MAX


@each_service
def test_a_service_has_tables_of_its_own(service: str) -> None:
    assert ROOT / "services" / service / "migrations" in MIGRATION_FOLDERS


@each_migrations
def test_migrations_are_numbered_without_gaps(folder: Path) -> None:
    numbers = [file.name.partition("_")[0] for file in sorted(folder.glob("*.sql"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@each_migrations
def test_a_migration_begins_by_saying_why(folder: Path) -> None:
    assert [file.name for file in folder.glob("*.sql") if not file.read_text(encoding="utf-8").startswith("-- ")] == []


@pytest.mark.parametrize("stop", TOUR)
def test_the_tour_has_its_stops(stop: str) -> None:
    assert (ROOT / stop).is_file()


@pytest.mark.skipif(not README.exists(), reason="no README here")
def test_the_readme_links_the_tour_in_its_order() -> None:
    text = README.read_text(encoding="utf-8")
    places = [text.find(f"({stop})") for stop in TOUR]
    assert -1 not in places
    assert places == sorted(places)
