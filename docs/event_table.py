"""The events as a page for people: which there are, who says them to whom, and what they mean."""

from docs.schemas import first_sentence, producers_of
from shared.events import EVENTS, Event
from shared.topology import CONSUMERS, DEAD_EXCHANGE, EVENTS_EXCHANGE

PAGE = """\
# Events

The services of Darkroom speak only by these events. Each is a message on the topic exchange `{events}` with its
type as the routing key; every service that listens has a queue of its own, `<service>.<type>`, and what it cannot
handle waits in `<service>.<type>.dead` behind the exchange `{dead}`.

{table}

A message is a [CloudEvent](https://cloudevents.io) in structured JSON, with the facts under `data`. Readers ignore
fields that they do not know. A field is only ever added; a change of meaning is a new type with the next version, and
messages of old versions are read for ever: the examples in [`tests/contract/samples`](../../tests/contract/samples) are
never edited.

The same as one [AsyncAPI 3.0 document](asyncapi.yaml), with the queues and their arguments. These files are made from
[`shared/events.py`](../../shared/events.py) and [`shared/topology.py`](../../shared/topology.py) by
`python -m docs.generate`.
"""


def page() -> str:
    """The page as Markdown."""
    rows = ["| event | type | from | to | says |", "|---|---|---|---|---|", *map(_row, EVENTS.values())]
    return PAGE.format(events=EVENTS_EXCHANGE, dead=DEAD_EXCHANGE, table="\n".join(rows))


def _row(event: type[Event]) -> str:
    consumers = [service for service, heard in CONSUMERS.items() if event in heard]
    links = f"[{event.type}]({event.type}.json) ([example](../../tests/contract/samples/{event.type}.json))"
    cells = [event.__name__, links, ", ".join(producers_of(event)), ", ".join(consumers), first_sentence(event)]
    return f"| {' | '.join(cells)} |"
