"""Charges against trades worked by hand, and the vectorised form against the scalar one."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.errors import MarketRuleError
from sos_actors.market.charges import CHARGE_LINES, Brokerage, ChargeKind, Charges, ChargeTable
from sos_actors.types import Paise

TABLE = ChargeTable.default()
EQUITY, OPTION, FUTURE = ChargeKind.EQUITY_INTRADAY, ChargeKind.OPTION, ChargeKind.FUTURE
DELIVERY = ChargeKind.EQUITY_DELIVERY


def lines(brokerage: int, stt: int, exchange: int, ipft: int, sebi: int, stamp: int, gst: int, total: int) -> Charges:
    return Charges(*map(Paise, (brokerage, stt, exchange, ipft, sebi, stamp, gst, total)))


# Every amount in paise. T = buy turnover + sell turnover. Worked on paper from the circulars, not by the code.
WORKED = [
    # BANKNIFTY option, 25 x 250.00 -> 230.00: buy 625,000, sell 575,000, T 1,200,000
    # STT .05 % of sell 287.5 -> 288; exchange .053 % 636; IPFT Rs .01/crore 0; SEBI 1.2 -> 1; stamp .003 % 18.75 -> 19
    # GST 18 % of 4,000 + 636 + 1 = 834.66 -> 835
    (date(2023, 3, 15), OPTION, 250.0, 230.0, 25, 1, lines(4000, 288, 636, 0, 1, 19, 835, 5779)),
    # BANKNIFTY option, 15 x 438.30 -> 512.45: buy 657,450, sell 768,675, T 1,426,125
    # STT .0625 % 480.42 -> 480; exchange .05 % 713.06 -> 713; IPFT .0005 % 7.13 -> 7; SEBI 1.43 -> 1; stamp 19.72 -> 20
    # GST 18 % of 4,714 = 848.52 -> 849
    (date(2024, 1, 10), OPTION, 438.30, 512.45, 15, 1, lines(4000, 480, 713, 7, 1, 20, 849, 6070)),
    # NIFTY option, 50 x 100.05 -> 110.10: buy 500,250, sell 550,500, T 1,050,750
    # STT .0625 % 344.06 -> 344; exchange .0495 % 520.12 -> 520; IPFT 5.25 -> 5; SEBI 1.05 -> 1; stamp 15.01 -> 15
    # GST 18 % of 4,521 = 813.78 -> 814
    (date(2024, 6, 10), OPTION, 100.05, 110.10, 50, 1, lines(4000, 344, 520, 5, 1, 15, 814, 5699)),
    # BANKNIFTY option, 35 x 342.95 -> 344.95: buy 1,200,325, sell 1,207,325, T 2,407,650
    # STT .1 % 1,207.33 -> 1,207; exchange .03503 % 843.40 -> 843; IPFT .0005 % 12.04 -> 12; SEBI 2.41 -> 2; stamp 36.01
    # GST 18 % of 4,845 = 872.1 -> 872
    (date(2025, 12, 15), OPTION, 342.95, 344.95, 35, 1, lines(4000, 1207, 843, 12, 2, 36, 872, 6972)),
    # BANKNIFTY option, 1,050 x 100 -> 90 in two slices a side: buy 10,500,000, sell 9,450,000, T 19,950,000
    # four orders 8,000; STT 9,450; exchange .03503 % 6,988.49 -> 6,988; IPFT 99.75 -> 100; SEBI 19.95 -> 20; stamp 315
    # GST 18 % of 15,008 = 2,701.44 -> 2,701
    (date(2025, 11, 10), OPTION, 100.0, 90.0, 1050, 2, lines(8000, 9450, 6988, 100, 20, 315, 2701, 27574)),
    # NIFTY option, 65 x 80.00 -> 95.50: buy 520,000, sell 620,750, T 1,140,750
    # STT .1 % 620.75 -> 621; exchange .03552 % 405.19 -> 405; IPFT .00001 % 0.11 -> 0; SEBI 1.14 -> 1; stamp 15.6 -> 16
    # GST 18 % of 4,406 = 793.08 -> 793
    (date(2026, 3, 31), OPTION, 80.0, 95.5, 65, 1, lines(4000, 621, 405, 0, 1, 16, 793, 5836)),
    # the same trade a day later: STT .15 % 931.13 -> 931
    (date(2026, 4, 1), OPTION, 80.0, 95.5, 65, 1, lines(4000, 931, 405, 0, 1, 16, 793, 6146)),
    # stock intraday, 500 x 771 -> 769: buy 38,550,000, sell 38,450,000, T 77,000,000; SEBI halved to .00005 %
    # brokerage cap .05 % is 19,275 a side, above Rs 20; STT .025 % 9,612.5 -> 9,613; exchange .00345 % 2,656.5 -> 2,657
    # IPFT .08 -> 0; SEBI 38.5 -> 39; stamp .003 % 1,156.5 -> 1,157; GST 18 % of 6,696 = 1,205.28 -> 1,205
    (date(2021, 3, 30), EQUITY, 771.0, 769.0, 500, 1, lines(4000, 9613, 2657, 0, 39, 1157, 1205, 18671)),
    # the same trade when SEBI's relief had ended: .0001 % 77; GST 18 % of 6,734 = 1,212.12 -> 1,212
    (date(2021, 5, 10), EQUITY, 771.0, 769.0, 500, 1, lines(4000, 9613, 2657, 0, 77, 1157, 1212, 18716)),
    # stock intraday below the brokerage cap, 100 x 120 -> 121: buy 1,200,000, sell 1,210,000, T 2,410,000
    # brokerage .05 % 600 + 605; STT .025 % 302.5 -> 303; exchange .00297 % 71.58 -> 72; IPFT .0001 % 2.41 -> 2; SEBI 2
    # stamp 36; GST 18 % of 1,205 + 72 + 2 = 230.22 -> 230
    (date(2025, 1, 15), EQUITY, 120.0, 121.0, 100, 1, lines(1205, 303, 72, 2, 2, 36, 230, 1850)),
    # stock intraday, 200 x 1,649.70 -> 1,659.00: buy 32,994,000, sell 33,180,000, T 66,174,000
    # STT 8,295; exchange .0030699 % 2,031.48 -> 2,031; IPFT .07 -> 0; SEBI 66.17 -> 66; stamp 989.82 -> 990
    # GST 18 % of 6,097 = 1,097.46 -> 1,097
    (date(2026, 8, 10), EQUITY, 1649.7, 1659.0, 200, 1, lines(4000, 8295, 2031, 0, 66, 990, 1097, 16479)),
    # NIFTY future, 65 x 24,140.70 -> 24,153.60: buy 156,914,550, sell 156,998,400, T 313,912,950
    # STT .05 % 78,499.2 -> 78,499; exchange .0018299 % 5,744.29 -> 5,744; IPFT .31 -> 0; SEBI 313.91 -> 314
    # stamp .002 % 3,138.29 -> 3,138; GST 18 % of 10,058 = 1,810.44 -> 1,810
    (date(2026, 5, 5), FUTURE, 24140.7, 24153.6, 65, 1, lines(4000, 78499, 5744, 0, 314, 3138, 1810, 93505)),
    # delivery, 10 x 4,094.40 -> 4,114.15: buy 4,094,400, sell 4,114,150, T 8,208,550
    # STT .1 % both sides 8,208.55 -> 8,209; exchange .00297 % 243.79 -> 244; IPFT 8.21 -> 8; SEBI 8.21 -> 8
    # stamp .015 % 614.16 -> 614; GST 18 % of 4,252 = 765.36 -> 765
    (date(2025, 1, 31), DELIVERY, 4094.4, 4114.15, 10, 1, lines(4000, 8209, 244, 8, 8, 614, 765, 13848)),
]


@pytest.mark.parametrize(("day", "kind", "buy", "sell", "quantity", "orders", "expected"), WORKED)
def test_charges_agree_with_the_hand_worked_trade_to_the_paisa(
    day: date, kind: ChargeKind, buy: float, sell: float, quantity: int, orders: int, expected: Charges
) -> None:
    assert TABLE.itemise(day, kind, buy, quantity, sell, quantity, orders, orders) == expected
    exact = TABLE.itemise(day, kind, Decimal(str(buy)), quantity, Decimal(str(sell)), quantity, orders, orders)
    assert exact == expected


def test_many_trades_at_once_agree_with_the_hand_worked_ones() -> None:
    days, kinds, buys, sells, quantities, orders, expected = zip(*WORKED, strict=True)
    ordinals = [day.toordinal() for day in days]
    table = TABLE.itemise_many(ordinals, kinds, buys, quantities, sells, quantities, orders, orders)
    assert table.tolist() == [list(dataclasses.astuple(charges)) for charges in expected]


trade = st.tuples(
    st.dates(date(2021, 1, 1), date(2026, 12, 31)),
    st.sampled_from(ChargeKind),
    st.integers(0, 3_000_000).map(lambda paise: paise / 100),
    st.integers(0, 5_000),
    st.floats(0, 30_000),
    st.integers(0, 5_000),
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(st.lists(trade, min_size=1, max_size=20), st.sampled_from([Brokerage(), Brokerage(15.5, 0.001, 0.00025)]))
def test_vectorised_charges_equal_the_scalar_ones(
    trades: list[tuple[date, ChargeKind, float, int, float, int, int, int]], brokerage: Brokerage
) -> None:
    table = ChargeTable.default(brokerage)
    one_by_one = [list(dataclasses.astuple(table.itemise(*each))) for each in trades]
    columns = [list(column) for column in zip(*trades, strict=True)]
    ordinals = [day.toordinal() for day in columns[0]]
    assert table.itemise_many(ordinals, *columns[1:]).tolist() == one_by_one


@given(trade)
def test_the_total_is_the_sum_of_the_lines(
    each: tuple[date, ChargeKind, float, int, float, int, int, int],
) -> None:
    *parts, total = dataclasses.astuple(TABLE.itemise(*each))
    assert sum(parts) == total
    assert min(parts) >= 0


def test_a_leg_that_did_not_happen_costs_nothing() -> None:
    open_only = TABLE.itemise(date(2026, 4, 1), OPTION, 80.0, 65, 0.0, 0)
    assert (open_only.brokerage, open_only.stt, open_only.stamp) == (2000, 0, 16)


def test_a_date_before_the_table_is_refused_by_name() -> None:
    with pytest.raises(MarketRuleError, match=r"2020-12-31.*charges\.toml starts on 2021-01-01"):
        TABLE.itemise(date(2020, 12, 31), OPTION, 1.0, 1, 1.0, 1)
    with pytest.raises(MarketRuleError, match=r"2020-12-31.*charges\.toml"):
        TABLE.itemise_many([date(2026, 1, 1).toordinal(), date(2020, 12, 31).toordinal()], 1, 1.0, 1, 1.0, 1)
    with pytest.raises(MarketRuleError, match=r"charges\.toml"):
        TABLE.rates(date(2020, 12, 31), FUTURE)


@pytest.mark.parametrize("price", [math.nan, math.inf, -0.05, 1e12])
def test_an_impossible_price_is_refused_by_both_forms(price: float) -> None:
    day = date(2026, 1, 2)
    with pytest.raises(ValueError, match=r"price|turnover"):
        TABLE.itemise(day, OPTION, price, 65, 10.0, 65)
    with pytest.raises(ValueError, match=r"price|turnover"):
        TABLE.itemise_many(day.toordinal(), OPTION, price, 65, 10.0, 65)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="ChargeKind"):
        TABLE.itemise_many(date(2026, 1, 2).toordinal(), 9, 10.0, 65, 10.0, 65)


def test_the_estimate_comes_within_rounding_of_the_bill() -> None:
    for day, kind, buy, sell, quantity, orders, expected in WORKED:
        rates = TABLE.rates(day, kind)
        estimate = rates.buy_fraction * buy * quantity + rates.sell_fraction * sell * quantity
        for price in (buy, sell):
            estimate += min(orders * rates.flat_per_order, rates.brokerage_cap_fraction * price * quantity)
        assert estimate == pytest.approx(expected.total_inr, abs=0.04)


def test_rupees_by_name_carry_every_line() -> None:
    charges = WORKED[0][-1]
    assert charges.in_rupees() == {
        "brokerage": 40.0, "stt": 2.88, "exchange": 6.36, "ipft": 0.0, "sebi": 0.01, "stamp": 0.19, "gst": 8.35,
        "total": 57.79,
    }  # fmt: skip
    assert tuple(charges.in_rupees()) == CHARGE_LINES


def test_every_row_of_every_table_names_its_source() -> None:
    folder = Path(__file__).resolve().parents[2] / "sos_actors" / "market" / "tables"
    sections = {"charges": "rate", "lots": "lot", "freeze": "freeze", "expiries": "rule", "sessions": "hours"}
    for name, section in sections.items():
        for row in tomllib.loads((folder / f"{name}.toml").read_text())[section]:
            assert row["source"], row
            assert row["verified"] in (True, False), row


def test_results_are_integers() -> None:
    assert TABLE.itemise_many(date(2026, 1, 2).toordinal(), OPTION, 10.0, 65, 11.0, 65).dtype == np.int64
