"""Messages as they once stood on the wire: one file per event, `<type>.json`, later ones `<type>.<what for>.json`.

A sample is never edited: messages like it may still lie in a queue, an outbox or a backup.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.envelope import read
from shared.events import EVENTS, Event

FOLDER = Path(__file__).parent / "samples"
FILE_NAME = re.compile(r"(?P<type>[a-z]+\.[a-z]+\.v\d+)(\.[a-z-]+)?\.json")


@dataclass(frozen=True)
class Sample:
    """A message in a file."""

    file: Path
    type: str
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The message as data."""
        return dict(json.loads(self.body))

    @property
    def event(self) -> Event:
        """What a reader makes of it."""
        return read(self.body, self.type).data


def _sample(file: Path) -> Sample:
    matched = FILE_NAME.fullmatch(file.name)
    assert matched, f"{file.name} is not called <type>.json or <type>.<what for>.json"
    return Sample(file, matched["type"], file.read_bytes())


SAMPLES = [_sample(file) for file in sorted(FOLDER.iterdir())]
SAMPLES_BY_TYPE = {event_type: [sample for sample in SAMPLES if sample.type == event_type] for event_type in EVENTS}
