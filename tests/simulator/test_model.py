"""The market as its users see it: determinism, sessions of both eras, overnight continuity, breadth, refusals."""

from __future__ import annotations

from datetime import date, time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.errors import MarketRuleError, UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model import BREADTH_SECURITIES, MarketModel, SimulatedDay
from sos_actors.simulator.model_symbols import ANCHOR_DAY
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

NIFTY, BANKNIFTY, RELIANCE = "NSE|INDEX|NIFTY", "NSE|INDEX|BANKNIFTY", "NSE|EQ|RELIANCE"
CALENDAR = Calendar.default()
MODEL = MarketModel(7, CALENDAR)
SESSIONS = [
    day
    for day in CALENDAR.sessions(date(2019, 2, 1), CALENDAR.last)
    if day != date(2026, 11, 8)  # a Muhurat evening whose times NSE has not published
]


def clock(ts: np.int64) -> time:
    seconds = (int(ts) // NANOS_PER_SECOND + IST_OFFSET_S) % 86_400
    return time(seconds // 3600, seconds % 3600 // 60)


def assert_same(left: BarSeries, right: BarSeries) -> None:
    for name in BarSeries.__dataclass_fields__:
        assert getattr(left, name).tobytes() == getattr(right, name).tobytes(), name


def everything(day: SimulatedDay) -> list[bytes]:
    parts = [getattr(day.candles(symbol), name).tobytes() for symbol in day.symbols for name in ("close", "volume")]
    chain, breadth = day.chain("NIFTY"), day.breadth()
    parts += [chain.ce_ltp.tobytes(), chain.pe_oi.tobytes(), chain.ce_volume.tobytes(), breadth.advances.tobytes()]
    parts += [bars.high.tobytes() for bars in day.option_candles("BANKNIFTY").values()]
    return parts


def test_the_same_seed_gives_the_same_bytes() -> None:
    day = date(2026, 1, 13)

    assert everything(MODEL.session(day)) == everything(MarketModel(7, CALENDAR).session(day))


def test_another_seed_gives_another_market() -> None:
    day = date(2026, 1, 13)
    other = MarketModel(8, CALENDAR).session(day)

    assert not np.array_equal(MODEL.session(day).candles(NIFTY).close, other.candles(NIFTY).close)


def test_a_session_does_not_depend_on_what_was_asked_before() -> None:
    first, second = date(2026, 1, 12), date(2026, 1, 16)
    forward, backward = MarketModel(3, CALENDAR), MarketModel(3, CALENDAR)
    one = [everything(forward.session(day)) for day in (first, second)]
    other_session = backward.session(second)
    other_session.option_candles("BANKNIFTY")
    two = [everything(other_session), everything(backward.session(first))][::-1]

    assert one == two


def test_symbols_can_be_asked_in_any_order() -> None:
    day = date(2025, 7, 1)
    alone = MODEL.session(day).candles(RELIANCE)
    after = MODEL.session(day)
    after.chain("BANKNIFTY")
    after.candles(NIFTY)

    assert_same(alone, after.candles(RELIANCE))


def test_a_holiday_added_after_a_session_leaves_earlier_sessions_of_the_anchor_side_alone() -> None:
    overruled = CALENDAR.overruled(holidays={date(2026, 6, 15): "A late holiday"})
    day = date(2026, 3, 16)

    assert_same(MODEL.session(day).candles(NIFTY), MarketModel(7, overruled).session(day).candles(NIFTY))


def test_prices_close_at_their_anchors_on_the_anchor_day_whatever_the_seed() -> None:
    for seed in (0, 1, 99):
        day = MarketModel(seed, CALENDAR).session(ANCHOR_DAY)
        assert day.candles(NIFTY).close[-1] == 25_700.0
        assert day.candles(BANKNIFTY).close[-1] == 59_500.0
        assert day.candles(RELIANCE).close[-1] == 1_475.0


@given(st.sampled_from(SESSIONS[1:-1]), st.sampled_from([NIFTY, BANKNIFTY, RELIANCE]))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_session_starts_from_the_close_of_the_one_before(day: date, symbol: str) -> None:
    before = CALENDAR.previous_session(day)
    plan = MODEL.session(day).plan(symbol)
    yesterday, today = MODEL.session(before).candles(symbol), MODEL.session(day).candles(symbol)

    assert yesterday.close[-1] == plan.previous_close
    assert today.open[0] == plan.open
    assert today.close[-1] == plan.close
    assert abs(np.log(today.open[0] / yesterday.close[-1])) < 0.12


@given(st.sampled_from(SESSIONS), st.integers(0, 13))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_bars_are_consistent_complete_and_on_the_tick(day: date, row: int) -> None:
    simulated = MODEL.session(day)
    symbol = simulated.symbols[row]
    bars = simulated.candles(symbol)
    segment = Segment(symbol.split("|")[1])

    assert np.array_equal(bars.ts, CALENDAR.session(day, segment).bar_opens())
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    for prices in (bars.open, bars.high, bars.low, bars.close):
        assert np.array_equal(prices, np.round(prices * 20) / 20)
    assert np.isnan(bars.oi).all()
    if segment is Segment.INDEX:
        assert np.isnan(bars.volume).all()
    else:
        assert (bars.volume >= 1).all()
        assert np.array_equal(bars.volume, np.round(bars.volume))


@pytest.mark.parametrize(
    ("day", "stock_bars", "stock_end", "last_known"),
    [
        (date(2026, 7, 31), 375, time(15, 29), time(15, 30)),
        (date(2026, 8, 3), 360, time(15, 14), time(15, 40)),
    ],
)
def test_both_eras_have_their_hours(day: date, stock_bars: int, stock_end: time, last_known: time) -> None:
    simulated = MODEL.session(day)
    stock, chain = simulated.candles(RELIANCE), simulated.chain("NIFTY")

    assert len(simulated.candles(NIFTY)) == 375
    assert len(stock) == stock_bars
    assert clock(stock.ts[-1]) == stock_end
    assert clock(chain.ts[0]) == time(9, 16)
    assert clock(chain.ts[-1]) == last_known


def test_options_go_on_moving_while_the_index_stands_still_after_its_last_minute() -> None:
    chain = MODEL.session(date(2026, 8, 5)).chain("NIFTY")
    late = chain.ts > chain.ts[-1] - 10 * NANOS_PER_MINUTE
    middle = chain.strike == chain.strike[np.argmin(np.abs(chain.strike - chain.spot[-1]))]

    assert len(np.unique(chain.spot[late])) == 1
    assert len(np.unique(chain.ce_ltp[late & middle])) > 3


def test_a_drill_saturday_has_its_two_sessions() -> None:
    bars = MODEL.session(date(2024, 3, 2)).candles(NIFTY)
    gaps = np.diff(bars.ts) // NANOS_PER_MINUTE

    assert len(bars) == 105
    assert (gaps > 1).sum() == 1


def test_a_muhurat_evening_is_an_hour_and_moves_little() -> None:
    evenings = [day for day in SESSIONS if CALENDAR.session(day, Segment.INDEX).minutes == 60]
    moves = [np.log(bars.close[-1] / bars.open[0]) for bars in (MODEL.session(d).candles(NIFTY) for d in evenings)]

    assert len(evenings) >= 5
    assert np.abs(moves).max() < 0.012


def test_a_holiday_is_refused_with_its_reason() -> None:
    with pytest.raises(MarketRuleError, match="holiday"):
        MODEL.session(date(2026, 1, 15))


def test_unknown_symbols_are_refused_with_the_listed_ones() -> None:
    day = MODEL.session(date(2026, 1, 12))

    with pytest.raises(UnknownSymbolError, match="RELIANCE"):
        day.candles("NSE|EQ|NOSUCH")
    with pytest.raises(UnknownSymbolError, match="BANKNIFTY"):
        day.chain("RELIANCE")


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        MarketModel(-1, CALENDAR)


def test_breadth_leans_with_the_index() -> None:
    shares, changes = [], []
    for day in SESSIONS[-60:]:
        simulated = MODEL.session(day)
        ts, advances, declines = simulated.breadth()
        bars = simulated.candles(NIFTY)
        assert np.array_equal(ts, bars.ts + NANOS_PER_MINUTE)
        assert ((advances >= 0) & (declines >= 0) & (advances + declines <= BREADTH_SECURITIES)).all()
        shares.append(advances[-1] / BREADTH_SECURITIES)
        changes.append(np.log(bars.close[-1] / simulated.plan(NIFTY).previous_close))

    assert np.corrcoef(shares, changes)[0, 1] > 0.8


def test_the_week_the_readme_shows_has_a_trending_and_a_sideways_day() -> None:
    kinds = {
        MODEL.session(day).day_type.name.split("_")[0]
        for day in CALENDAR.sessions(date(2026, 1, 12), date(2026, 1, 16))
    }

    assert {"TREND", "SIDEWAYS"} <= kinds
