"""The prices of the first dozen symbols are what they have always been, whatever else the market lists."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sos_actors.market.calendar import Calendar
from sos_actors.market.ticks import equity_tick
from sos_actors.simulator.model import MarketModel
from sos_actors.simulator.model_symbols import ANCHOR_DAY, FIRST_LISTED, LISTED, MEMBERS, price_tick

CALENDAR = Calendar.default()
MODEL = MarketModel(7, CALENDAR)
CLOSES = {
    date(2019, 1, 2): [
        10924.9, 24765.9, 614.4, 1526.25, 406.95, 624.7, 705.45, 428.0, 446.25, 206.55, 1564.0, 212.25, 1062.75, 117.5,
    ],
    date(2024, 3, 2): [
        21473.3, 49962.6, 1239.9, 2699.55, 783.7, 1114.5, 1552.35, 806.45, 1056.7, 350.75, 3350.35, 308.05, 1780.35,
        278.85,
    ],
    date(2026, 1, 13): [
        25296.8, 58603.55, 1468.35, 3162.65, 926.75, 1395.95, 1534.25, 972.8, 1243.7, 424.3, 4033.55, 334.2, 2015.5,
        356.15,
    ],
    date(2026, 8, 18): [
        24822.1, 55962.55, 1401.0, 3239.1, 953.05, 1380.6, 1570.7, 892.8, 1246.45, 400.2, 3847.8, 332.4, 1887.45,
        323.95,
    ],
}  # fmt: skip
"""Last prices under seed 7 before any other share was listed."""
RELIANCE_VOLUME = {date(2024, 3, 2): 15_549_539, date(2026, 1, 13): 8_953_597}


@pytest.mark.parametrize("day", CLOSES)
def test_the_first_dozen_close_where_they_always_did(day: date) -> None:
    simulated = MODEL.session(day)

    assert [float(simulated.candles(listed.symbol).close[-1]) for listed in FIRST_LISTED] == CLOSES[day]


@pytest.mark.parametrize("day", RELIANCE_VOLUME)
def test_their_volume_is_what_it_was(day: date) -> None:
    assert MODEL.session(day).candles("NSE|EQ|RELIANCE").volume.sum() == RELIANCE_VOLUME[day]


def test_there_are_two_hundred_shares_and_the_fifty_members_among_them() -> None:
    symbols = [listed.symbol for listed in LISTED]

    assert len(symbols) == len(set(symbols)) >= 202
    assert len(MEMBERS) == len(set(MEMBERS)) == 50
    assert {f"NSE|EQ|{name}" for name in MEMBERS} <= set(symbols)


def test_a_share_closes_at_its_anchor_on_the_anchor_day_whatever_the_seed() -> None:
    for seed in (0, 7):
        simulated = MarketModel(seed, CALENDAR).session(ANCHOR_DAY)
        for listed in LISTED[14::40]:
            close, tick = simulated.candles(listed.symbol).close[-1], price_tick(listed, ANCHOR_DAY)
            assert close == pytest.approx(listed.anchor, abs=tick)


@pytest.mark.parametrize("day", [date(2024, 3, 1), date(2026, 1, 13), date(2026, 8, 18)])
def test_a_share_moves_on_the_exchanges_tick_of_the_day(day: date) -> None:
    simulated = MODEL.session(day)
    for name in ("IDEA", "MARUTI", "BOSCHLTD", "TATASTEEL", "BEL"):
        listed = next(one for one in LISTED if one.short_name == name)
        bars, tick = simulated.candles(listed.symbol), float(equity_tick(day, listed.anchor))
        ticks = bars.close / tick
        assert np.allclose(ticks, np.round(ticks), atol=1e-6)
        assert (bars.volume >= 1).all()


def test_daily_figures_are_those_of_the_candles() -> None:
    simulated = MODEL.session(date(2026, 1, 13))
    for symbol in ("NSE|EQ|TCS", "NSE|EQ|MARUTI", "NSE|INDEX|NIFTY"):
        alone = MODEL.session(date(2026, 1, 13)).daily(symbol)
        bars = simulated.candles(symbol)
        assert alone[:4] == (bars.open[0], bars.high.max(), bars.low.min(), bars.close[-1])
        assert alone[4] == bars.volume.sum() or np.isnan(bars.volume).all()
