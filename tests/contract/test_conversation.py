"""Who says and who hears an event, as data, is what the code of the services really does."""

import ast
import importlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from shared import gate, reporting
from shared.events import EVENTS, Event
from shared.outcome import Service
from shared.topology import CONSUMERS, PRODUCERS

ROOT = Path(__file__).parents[2]
CONSTRUCTORS = ("following", "model_validate")
SERVICES = sorted(CONSUMERS)
BY_CLASS = {event.__name__: event for event in EVENTS.values()}


def named_in(nodes: Iterable[ast.AST]) -> set[type[Event]]:
    """The events that are named by themselves among the nodes."""
    return {BY_CLASS[node.id] for node in nodes if isinstance(node, ast.Name) and node.id in BY_CLASS}


def said_in(files: Iterable[Path], heard: Iterable[type[Event]]) -> set[type[Event]]:
    """The events that modules make: named though not heard, or called (also by `following`)."""
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    makers = [call.value for call in called if isinstance(call, ast.Attribute) and call.attr in CONSTRUCTORS]
    return named_in(nodes) - set(heard) | named_in(called) | named_in(makers)


def service_of(name: str) -> Service:
    """A service as the loop sees it."""
    found = importlib.import_module(f"services.{name}.handlers").SERVICE
    assert isinstance(found, Service)
    return found


def test_every_event_has_one_who_says_it_and_one_who_hears_it() -> None:
    assert {event for said in PRODUCERS.values() for event in said} == set(EVENTS.values())
    assert {event for heard in CONSUMERS.values() for event in heard} == set(EVENTS.values())


def test_every_service_is_a_package_and_the_other_way_round() -> None:
    packages = {folder.parent.name for folder in (ROOT / "services").glob("*/__init__.py")}
    assert set(PRODUCERS) == set(CONSUMERS) == packages


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_handles_what_it_subscribes_to(service: str) -> None:
    found = service_of(service)
    assert found.name == service
    assert set(found.handlers) == set(CONSUMERS[service])


@pytest.mark.parametrize("service", SERVICES)
def test_a_handler_is_named_after_what_happened(service: str) -> None:
    for event, handler in service_of(service).handlers.items():
        words = event.type.split(".")[:2]
        assert handler.__name__.startswith(f"on_{words[0]}"), handler


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_what_the_topology_names(service: str) -> None:
    files = [*(ROOT / "services" / service).rglob("*.py"), Path(reporting.__file__)]
    if gate.HANDLERS.items() <= service_of(service).handlers.items():
        files.append(Path(gate.__file__))
    said = said_in(files, CONSUMERS[service])
    assert {event.__name__ for event in said} == {event.__name__ for event in PRODUCERS[service]}
