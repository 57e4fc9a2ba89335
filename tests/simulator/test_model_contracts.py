"""Futures and the later option series: priced from the index, on their ticks, continuous overnight, rolling over."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sos_actors.errors import UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.simulator.model import MarketModel
from sos_actors.types import NANOS_PER_MINUTE, OptionType

CALENDAR = Calendar.default()
MODEL = MarketModel(7, CALENDAR)
DAY, NEXT = date(2026, 1, 12), date(2026, 1, 13)
JANUARY, FEBRUARY, MARCH = date(2026, 1, 27), date(2026, 2, 24), date(2026, 3, 30)
NIFTY = "NSE|INDEX|NIFTY"


@pytest.mark.parametrize(("underlying", "tick"), [("NIFTY", 0.10), ("BANKNIFTY", 0.20)])
def test_a_future_is_the_index_carried_forward_on_its_own_tick(underlying: str, tick: float) -> None:
    session = MODEL.session(DAY)
    index = session.candles(f"NSE|INDEX|{underlying}")
    premium = []
    for expiry in (JANUARY, FEBRUARY, MARCH):
        bars = session.contracts.future(underlying, expiry).bars
        premium.append(float(np.mean(bars.close / index.close - 1.0)))
        assert np.allclose(bars.close / tick, np.round(bars.close / tick), atol=1e-6)
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()

    assert 0.0 < premium[0] < premium[1] < premium[2] < 0.02


def test_the_front_future_carries_the_volume_and_ends_at_the_index() -> None:
    session = MODEL.session(JANUARY)
    front, following = (session.contracts.future("NIFTY", expiry).bars for expiry in (JANUARY, FEBRUARY))

    assert front.volume.sum() > 3 * following.volume.sum()
    assert front.close[-1] == pytest.approx(session.candles(NIFTY).close[-1], abs=0.1)
    with pytest.raises(UnknownSymbolError, match="No future"):
        MODEL.session(date(2026, 1, 28)).contracts.future("NIFTY", JANUARY)


def test_open_interest_of_a_future_goes_on_where_it_ended() -> None:
    today, following = MODEL.session(DAY), MODEL.session(NEXT)
    for expiry in (JANUARY, FEBRUARY, MARCH):
        ended = today.contracts.future("BANKNIFTY", expiry).bars.oi[-1]
        assert ended == following.contracts.future_opening("BANKNIFTY", expiry)
        assert ended % 30 == 0


def test_a_later_series_is_dearer_and_less_crowded() -> None:
    session = MODEL.session(DAY)
    near, later = (session.chain("NIFTY", expiry) for expiry in (NEXT, date(2026, 1, 20)))
    middle = near.strike[np.argmin(np.abs(near.strike - near.spot))]

    assert later.ce_ltp[later.strike == middle].mean() > near.ce_ltp[near.strike == middle].mean()
    assert later.ce_oi.sum() < 0.6 * near.ce_oi.sum()
    assert (later.expiry, near.expiry) == (date(2026, 1, 20), NEXT)


def test_open_interest_of_a_series_goes_on_overnight_while_others_expire_before_it() -> None:
    for day, following in ((DAY, NEXT), (NEXT, date(2026, 1, 14))):
        last = MODEL.session(day).chain("NIFTY", date(2026, 1, 20))
        first = MODEL.session(following).option_market("NIFTY", date(2026, 1, 20))
        end = last.ts == last.ts[-1]
        for strike, interest in zip(last.strike[end][::9], last.ce_oi[end][::9], strict=True):
            assert first.opening_interest(float(strike), OptionType.CE) == interest


def test_candles_of_a_later_series_agree_with_its_chain() -> None:
    session = MODEL.session(DAY)
    chain = session.chain("BANKNIFTY", FEBRUARY)
    times = np.unique(chain.ts)
    for bars in list(session.option_candles("BANKNIFTY", FEBRUARY).values())[::11]:
        assert np.isin(bars.ts + NANOS_PER_MINUTE, times).all()
        assert (bars.volume > 0).all()


def test_an_expired_or_unknown_series_is_refused() -> None:
    session = MODEL.session(DAY)
    for expiry in (date(2026, 1, 6), date(2026, 1, 21)):
        with pytest.raises(UnknownSymbolError, match="expire on"):
            session.chain("NIFTY", expiry)
