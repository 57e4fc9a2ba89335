"""The open interest of one underlying through one day, a snapshot a minute, as it goes out in BACKFILL_DATA."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from itertools import groupby

import numpy as np

from sos_actors.bridge.contract import backfill_data, minute_s, oi_rows
from sos_actors.market.chain_kernels import max_pain
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.snapshots import OptionChain
from sos_actors.runtime.clock import Clock, indian_day
from sos_actors.types import NANOS_PER_SECOND


class OiHistory:
    """Snapshots by minute. The first of a minute counts; a later day makes an earlier one forgotten.

    Args:
        symbol: canonical, of the underlying.
        clock: stamps the messages.
    """

    def __init__(self, symbol: str, clock: Clock) -> None:
        self._symbol, self._clock = symbol, clock
        self._minutes: dict[int, bytes] = {}
        self._day = date.min
        self._frame: bytes | None = None

    def add_chain(self, chain: OptionChain) -> bool:
        """Whether the snapshot is new: of a minute not there yet, of today, and with a strike."""
        return len(chain) > 0 and self._add(minute_s(chain.ts_event), lambda: oi_rows(_rows(chain)))

    def add_rows(self, rows: Iterable[OiHistoryRow]) -> bytes | None:
        """Take rows of the past in any order; a BACKFILL_DATA with those of minutes not there yet, None when none."""
        ordered = sorted(rows, key=lambda row: (minute_s(row.ts), row.strike))
        new = []
        for minute, group in groupby(ordered, key=lambda row: minute_s(row.ts)):
            encoded = oi_rows(group)
            if self._add(minute, lambda encoded=encoded: encoded):  # type: ignore[misc]
                new.append(minute)
        kept = [self._minutes[minute] for minute in new if minute in self._minutes]
        return backfill_data(self._clock(), self._symbol, kept) if kept else None

    def frame(self) -> bytes | None:
        """BACKFILL_DATA of all there is; None when there is nothing. Made once and kept until something is added."""
        if self._frame is None and self._minutes:
            rows = [self._minutes[minute] for minute in sorted(self._minutes)]
            self._frame = backfill_data(self._clock(), self._symbol, rows)
        return self._frame

    def _add(self, minute: int, rows: Callable[[], bytes]) -> bool:
        day = indian_day(minute * NANOS_PER_SECOND)
        if day > self._day:
            self._day = day
            self._minutes.clear()
        if day < self._day or minute in self._minutes:
            return False
        self._minutes[minute] = rows()
        self._frame = None
        return True


def _rows(chain: OptionChain) -> list[OiHistoryRow]:
    pain = float(max_pain(chain.strike, chain.ce_oi, chain.pe_oi))
    columns = zip(chain.strike.tolist(), chain.ce_oi.tolist(), chain.pe_oi.tolist(), strict=True)
    return [OiHistoryRow(chain.ts_event, *row, pain) for row in columns]


def prepare() -> None:
    """Load the compiled measure before the first snapshot needs it."""
    max_pain(np.ones(1), np.ones(1), np.ones(1))
