"""What is known of an image once it was analysed, before it is announced."""

from dataclasses import dataclass

from services.enhancer.analysis import Analyzed
from services.enhancer.store import KeptAnalysis


@dataclass(frozen=True, slots=True)
class Finding:
    """What an analyser found; `again`: somebody had asked the same before. `kept` is what to remember, if it is new.

    seconds: of the analysis, without the wait for a turn.
    """

    analyzed: Analyzed
    provider: str
    again: bool
    kept: KeptAnalysis | None
    seconds: float
