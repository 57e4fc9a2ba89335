"""What a look makes of the moods of the indices: a ``MoodPath`` each, and the readings that come out of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from sos_actors.actors.mood_look import Looked
from sos_actors.errors import DataError
from sos_actors.market.mood_path import MoodPath
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import DepthRow, Fact, MoodMeasures
from sos_actors.messages.snapshots import OptionChain
from sos_actors.types import NANOS_PER_SECOND

log = logging.getLogger(__name__)
QUIET_S = 5.0
"""A reading that comes so shortly before a full minute counts from the minute after: bars close there."""


@dataclass(frozen=True, slots=True)
class MoodSettings:
    """What is read how often.

    Attributes:
        market: canonical symbol of the index whose mood entries wait for.
        timeout_s: real seconds one look may take.
    """

    market: str
    period_s: float
    stale_after_s: float
    timeout_s: float = 45.0


@dataclass(frozen=True, slots=True)
class MoodHearers:
    """Who hears of a reading: the store, and whoever shows moods and chains (the bridge)."""

    record: Callable[[Fact], object]
    show: Callable[[Sentiment | OptionChain], object]


@dataclass(frozen=True, slots=True)
class Reading:
    """One mood.

    Attributes:
        row: to be stored; whoever reads it gets the same sentiment.
        chain: that it is made of; None when there is none, or no newer one than before.
    """

    sentiment: Sentiment
    row: MoodMeasures
    chain: OptionChain | None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is kept of it."""
        counted = self.row.declines > 0 and not math.isnan(self.row.advances)
        depth = DepthRow(
            self.row.ts_event, short_name_of(self.row.symbol), None, None if math.isnan(self.row.pcr) else self.row.pcr,
            self.row.advances / self.row.declines if counted else None,
        )  # fmt: skip
        return (self.row, self.sentiment, depth, *((self.chain,) if self.chain is not None else ()))


class MoodBook:
    """The moods so far.

    Args:
        paths: by canonical symbol.
        spot: our own last price of a symbol, NaN unknown.
        expiry_close: when contracts of an expiry stop trading, UnixNanos.
    """

    def __init__(
        self, paths: Mapping[str, MoodPath], spot: Callable[[str], float], expiry_close: Callable[[date], int]
    ) -> None:
        self._paths, self._spot, self._expiry_close = dict(paths), spot, expiry_close
        self.breadth_ts = -1
        self.answered: dict[str, int] = {}
        """When (UnixNanos) a vendor last gave a chain of an underlying that could be read."""

    @property
    def known(self) -> dict[str, int]:
        """The moment of the last chain of each underlying, UnixNanos; -1 before the first."""
        return {symbol: path.chain_ts for symbol, path in self._paths.items()}

    def read(self, looked: Looked, now: int) -> list[Reading]:
        """The readings a look gives; at most one an underlying and minute, none of what nobody told anything of."""
        if looked.breadth is not None:
            self.breadth_ts = int(looked.breadth.ts_event)
        told = [one for one in self._paths if one in looked.chains or looked.breadth is not None]
        self.answered |= {symbol: now for symbol in looked.chains if not self._is_news(symbol, now)}
        readings = [self._read(symbol, looked, now) for symbol in told if self._is_news(symbol, now)]
        return [reading for reading in readings if reading is not None]

    def _is_news(self, symbol: str, now: int) -> bool:
        return symbol in self._paths and self._paths[symbol].is_news(_known(now))

    def _read(self, symbol: str, looked: Looked, now: int) -> Reading | None:
        path, chain = self._paths[symbol], looked.chains.get(symbol)
        close = self._expiry_close(chain.expiry) if chain is not None else 0
        try:
            later, sentiment, row = path.after(chain, looked.breadth, self._spot(symbol), _known(now), close)
        except DataError as error:
            log.warning("A chain of %s cannot be read: %s", short_name_of(symbol), error)
            return self._read(symbol, replace(looked, chains={}), now) if looked.breadth is not None else None
        self._paths[symbol] = later
        if chain is None:
            return Reading(sentiment, row, None)
        self.answered[symbol] = now
        return Reading(sentiment, row, chain if chain.ts_event > path.chain_ts else None)


def _known(now: int) -> int:
    """When a reading of this moment will have reached the engine at the latest."""
    return now + round(QUIET_S * NANOS_PER_SECOND)
