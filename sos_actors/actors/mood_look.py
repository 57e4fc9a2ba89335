"""One look at the market's mood: chains and breadth from whoever is trusted first and answers. No state but rests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sos_actors.actors.source_order import Found, Rest, SourceOrder
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.ports import BreadthSource, ChainSource
from sos_actors.runtime.clock import Clock, indian_day
from sos_actors.types import NANOS_PER_SECOND

OLDEST_S = 300.0
"""Open interest is published about every three minutes; what is older than this is not of now."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found.

    Attributes:
        chains: by canonical symbol; an underlying of which nobody gave one is left out.
        breadth: None when nobody gave it.
        refusals: why who was asked in vain, in sentences.
    """

    chains: Mapping[str, OptionChain] = field(default_factory=dict)
    breadth: Breadth | None = None
    refusals: tuple[str, ...] = ()


class MoodSources:
    """The vendors of chains and breadth.

    Args:
        chains, breadth: in the order of trust.
        clock: what time it is.
    """

    def __init__(self, chains: Sequence[ChainSource], breadth: Sequence[BreadthSource], clock: Clock) -> None:
        self._clock = clock
        self._chains = SourceOrder(chains, "option chains", clock)
        self._breadth = SourceOrder(breadth, "breadth", clock)

    @property
    def rests(self) -> dict[str, Rest]:
        """The sources that are left alone now, with the reason."""
        return self._breadth.rests | self._chains.rests

    def look(self, known: Mapping[str, int], breadth_known: int) -> Looked:
        """Ask for the chain of each underlying, then for the breadth.

        Args:
            known: canonical symbol -> the moment (UnixNanos) of the chain known of it; an older one is no news.
            breadth_known: the same of the breadth.
        """
        chains: dict[str, OptionChain] = {}
        refusals: list[str] = []
        for symbol, before in known.items():
            found = self._chain(symbol, before)
            refusals += found.refusals
            if found.value is not None:
                chains[symbol] = found.value
        counts = self._breadth.ask(
            lambda source: source.breadth(), lambda counts: self._why_not(counts, breadth_known, "breadth")
        )
        return Looked(chains, counts.value, tuple(dict.fromkeys((*refusals, *counts.refusals))))

    def _chain(self, symbol: str, before: int) -> Found[OptionChain]:
        return self._chains.ask(
            lambda source: source.chain(short_name_of(symbol)), lambda chain: self._why_not(chain, before, "chain")
        )

    def _why_not(self, told: OptionChain | Breadth, before: int, what: str) -> str:
        """Why an answer is of no use: it is of another day, too old, or older than what is known."""
        now = self._clock()
        age_s = (now - told.ts_event) / NANOS_PER_SECOND
        if indian_day(told.ts_event) != indian_day(now) or age_s > OLDEST_S:
            return f"{told.source}: the {what} is {age_s / 60:,.0f} minutes old."
        if told.ts_event < before:
            return f"{told.source}: the {what} is older than the one before."
        return ""
