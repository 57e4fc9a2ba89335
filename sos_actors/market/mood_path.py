"""What the chains and breadth counts of one underlying make of its mood, one reading at a time.

The same figures as a run over the stored rows gets: each reading is one stored row, known from a full minute on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sos_actors.errors import DataError
from sos_actors.market.at_the_money import at_the_money
from sos_actors.market.chain import TREND_WINDOW_NS, VELOCITY_WINDOW_NS, measure_many, pcr_velocity, smart_trend_series
from sos_actors.market.regime import new_state, regime_step
from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import MoodMeasures
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime, SmartTrend, UnixNanos

UNIVERSE = "NIFTY 50"
"""Over what stored breadth is counted; counts over anything else are no part of the series."""
_KEPT_NS = 2 * max(VELOCITY_WINDOW_NS, TREND_WINDOW_NS)


def usable_at(now: int) -> UnixNanos:
    """The full minute at or after a moment (UnixNanos): a reading known then counts for bars that close from it on."""
    return UnixNanos(-(-now // NANOS_PER_MINUTE) * NANOS_PER_MINUTE)


@dataclass(frozen=True, slots=True)
class _Past:
    """One earlier reading of a chain, kept to compare with; ``series`` says whose and of which expiry."""

    ts: int
    series: tuple[str, int]
    pcr: float
    spot: float
    total_oi: float


@dataclass(frozen=True, slots=True)
class MoodPath:
    """The mood of one underlying after some readings. A value: ``after`` and ``with_row`` give the next one.

    PCR's velocity and the smart trend compare figures of one source and one expiry only: another vendor's chain has
    other strikes, and a step from one to the other is no change of the market.

    Attributes:
        symbol: canonical.
        stale_after_s: how old a reading of the chain may be before the regime is UNKNOWN.
        hysteresis_minutes: minutes a new regime must hold before it is adopted.
        ts: from when on the last reading counts, UnixNanos; -1 before the first.
        chain_ts: of the chain of the last reading that had one, UnixNanos; -1 before.
    """

    symbol: str
    stale_after_s: float
    hysteresis_minutes: float
    ts: int = -1
    chain_ts: int = -1
    _past: tuple[_Past, ...] = ()
    _state: tuple[int, ...] = tuple(int(number) for number in new_state())

    def is_news(self, now: int) -> bool:
        """Whether a reading known at ``now`` would be of a later minute than the last one: there is one a minute."""
        return usable_at(now) > self.ts

    def after(
        self, chain: OptionChain | None, breadth: Breadth | None, spot: float, now: int, expiry_close: int = 0
    ) -> tuple[MoodPath, Sentiment, MoodMeasures]:
        """The path after a reading, the mood that it makes, and the row to be stored.

        Args:
            chain: as a vendor has it; None when nobody gave one: then only time passes for the regime.
            breadth: the counts; None when nobody gave them. Those over another universe are left out.
            spot: our own last price of the underlying; NaN takes the chain's.
            now: when all of that is known, UnixNanos.
            expiry_close: when the chain's contracts stop trading, UnixNanos.

        Raises:
            DataError: there is a reading of that minute or a later one, or a chain that cannot be read.
        """
        ts = usable_at(now)
        row = MoodMeasures(ts, self.symbol, _source(chain, breadth), spot=spot)
        if breadth is not None and breadth.universe == UNIVERSE:
            row = replace(row, advances=float(breadth.advances), declines=float(breadth.declines))
        path = self
        if chain is not None:
            path, row = self._measured(chain, row, expiry_close)
        path, sentiment = path.with_row(row)
        return path, sentiment, row

    def with_row(self, row: MoodMeasures) -> tuple[MoodPath, Sentiment]:
        """The path after a row as stored, for example one of earlier today, and the mood from then on.

        Raises:
            DataError: there is a reading of that minute or a later one.
        """
        if row.ts_event <= self.ts:
            raise DataError(f"A reading of {row.symbol} at {row.ts_event} came after one at {self.ts}.")
        known = row.declines > 0 and not math.isnan(row.advances)
        ratio = row.advances / row.declines if known else math.nan
        state = np.array(self._state, np.int64)
        regime = regime_step(
            state, int(row.ts_event), row.pcr, row.pcr_velocity, ratio, int(row.smart_trend),
            round(self.stale_after_s * NANOS_PER_SECOND), round(self.hysteresis_minutes * NANOS_PER_MINUTE),
        )  # fmt: skip
        path = replace(self, ts=int(row.ts_event), _state=tuple(int(number) for number in state))
        return path, _sentiment(row, Regime(regime))

    def _measured(self, chain: OptionChain, row: MoodMeasures, expiry_close: int) -> tuple[MoodPath, MoodMeasures]:
        spot = chain.spot if math.isnan(row.spot) else row.spot
        found = measure_many(
            np.array([row.ts_event], np.int64), np.array([0, len(chain)], np.int64), chain.strike, chain.ce_oi,
            chain.pe_oi, chain.ce_oi_change, chain.pe_oi_change, np.array([spot]),
        )  # fmt: skip
        pcr, total_oi = float(found.pcr[0]), float(found.total_oi[0])
        one = _Past(int(row.ts_event), (chain.source, chain.expiry.toordinal()), pcr, spot, total_oi)
        past = (*(old for old in self._past if one.ts - old.ts <= _KEPT_NS), one)
        velocity, trend = _changes([old for old in past if old.series == one.series])
        atm = at_the_money(chain.strike, chain.ce_ltp, chain.pe_ltp, spot, int(row.ts_event), expiry_close).tolist()
        row = replace(
            row, pcr=pcr, pcr_velocity=velocity, oi_wall_above=float(found.oi_wall_above[0]),
            oi_wall_below=float(found.oi_wall_below[0]), max_pain=float(found.max_pain[0]),
            ce_oi_change=float(found.ce_oi_change[0]), pe_oi_change=float(found.pe_oi_change[0]), smart_trend=trend,
            total_oi=total_oi, spot=spot, atm_iv=atm[0], atm_delta=atm[1], atm_gamma=atm[2], atm_theta=atm[3],
            atm_vega=atm[4],
        )  # fmt: skip
        return replace(self, _past=past, chain_ts=int(chain.ts_event)), row


def _changes(past: list[_Past]) -> tuple[float, SmartTrend]:
    """The velocity of PCR and the smart trend at the last of these readings."""
    ts = np.array([one.ts for one in past], np.int64)
    velocity = pcr_velocity(ts, np.array([one.pcr for one in past]))
    spots, totals = np.array([one.spot for one in past]), np.array([one.total_oi for one in past])
    return float(velocity[-1]), SmartTrend(int(smart_trend_series(ts, spots, totals)[-1]))


def _source(chain: OptionChain | None, breadth: Breadth | None) -> str:
    told = chain if chain is not None else breadth
    return told.source if told is not None else ""


def _sentiment(row: MoodMeasures, regime: Regime) -> Sentiment:
    names = ("pcr", "pcr_velocity", "advances", "declines", "oi_wall_above", "oi_wall_below", "ce_oi_change",
             "pe_oi_change", "max_pain", "total_oi")  # fmt: skip
    known = {name: value for name in names if not math.isnan(value := getattr(row, name))}
    return Sentiment(row.ts_event, row.symbol, regime, smart_trend=row.smart_trend, **known)
