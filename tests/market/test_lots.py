"""Lot sizes and freeze quantities against the circulars and a real instrument master."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from sos_actors.errors import MarketRuleError
from sos_actors.market import lots

IST = timezone(timedelta(hours=5, minutes=30))
MASTER_DAY = date(2026, 1, 12)


@pytest.mark.parametrize(
    ("underlying", "expiry", "units"),
    [
        ("NIFTY", date(2024, 4, 25), 50),
        ("NIFTY", date(2024, 5, 2), 25),
        ("NIFTY", date(2024, 12, 19), 25),
        ("NIFTY", date(2024, 12, 26), 25),
        ("NIFTY", date(2025, 1, 2), 75),
        ("NIFTY", date(2025, 1, 23), 75),
        ("NIFTY", date(2025, 1, 30), 25),
        ("NIFTY", date(2025, 2, 6), 75),
        ("NIFTY", date(2025, 12, 30), 75),
        ("NIFTY", date(2026, 1, 6), 65),
        ("NIFTY", date(2026, 8, 18), 65),
        ("BANKNIFTY", date(2023, 7, 20), 25),
        ("BANKNIFTY", date(2024, 1, 10), 15),
        ("BANKNIFTY", date(2025, 1, 30), 15),
        ("BANKNIFTY", date(2025, 2, 27), 30),
        ("BANKNIFTY", date(2025, 6, 26), 30),
        ("BANKNIFTY", date(2025, 7, 31), 35),
        ("BANKNIFTY", date(2025, 12, 30), 35),
        ("BANKNIFTY", date(2026, 1, 27), 30),
        ("FINNIFTY", date(2024, 7, 23), 40),
        ("FINNIFTY", date(2024, 7, 30), 25),
        ("FINNIFTY", date(2025, 12, 30), 65),
        ("MIDCPNIFTY", date(2024, 7, 22), 75),
        ("MIDCPNIFTY", date(2025, 7, 31), 140),
        ("NIFTYNXT50", date(2025, 1, 30), 10),
        ("NIFTYNXT50", date(2026, 1, 27), 25),
    ],
)
def test_lot_belongs_to_the_contract(underlying: str, expiry: date, units: int) -> None:
    assert lots.lot_size(underlying, expiry) == units


@pytest.mark.parametrize(
    ("underlying", "day", "units"),
    [
        ("BANKNIFTY", date(2024, 1, 10), 900),
        ("BANKNIFTY", date(2025, 8, 31), 600),
        ("BANKNIFTY", date(2025, 9, 1), 900),
        ("BANKNIFTY", date(2025, 11, 3), 600),
        ("FINNIFTY", date(2026, 1, 31), 1200),
        ("FINNIFTY", date(2026, 2, 1), 1800),
        ("BANKNIFTY", date(2026, 6, 30), 900),
        ("BANKNIFTY", date(2026, 8, 21), 600),
        ("NIFTY", date(2026, 8, 21), 1800),
    ],
)
def test_freeze_quantity_follows_the_monthly_circulars(underlying: str, day: date, units: int) -> None:
    assert lots.freeze_quantity(underlying, day) == units


def test_the_largest_order_is_a_whole_number_of_lots() -> None:
    assert lots.largest_order("NIFTY", date(2026, 1, 13), MASTER_DAY) == 27 * 65
    assert lots.largest_order("BANKNIFTY", date(2025, 12, 30), date(2025, 12, 15)) == 17 * 35


def test_what_no_row_covers_is_refused_with_the_file_to_extend() -> None:
    with pytest.raises(MarketRuleError, match=r"lot size for NIFTY on 2021-12-30.*market/tables/lots\.toml"):
        lots.lot_size("NIFTY", date(2021, 12, 30))
    with pytest.raises(MarketRuleError, match=r"lot size for RELIANCE.*lots\.toml"):
        lots.lot_size("RELIANCE", date(2026, 1, 27))
    with pytest.raises(MarketRuleError, match=r"freeze quantity for NIFTY on 2023-04-02.*freeze\.toml"):
        lots.freeze_quantity("NIFTY", date(2023, 4, 2))
    with pytest.raises(MarketRuleError, match=r"freeze quantity for NIFTYNXT50 on 2024-07-31.*freeze\.toml"):
        lots.freeze_quantity("NIFTYNXT50", date(2024, 7, 31))
    with pytest.raises(MarketRuleError, match=r"strike_step for RELIANCE.*lots\.toml"):
        lots.strike_step("RELIANCE")


def test_lots_freeze_steps_and_ticks_are_those_of_the_master(shared_data: Path) -> None:
    rows = json.loads(gzip.decompress((shared_data / "instruments" / "upstox_nse_2026-01.json.gz").read_bytes()))
    strikes: dict[tuple[str, date], set[float]] = {}
    for row in rows:
        name = row.get("underlying_symbol")
        if name not in ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50") or row["segment"] != "NSE_FO":
            continue
        expiry = datetime.fromtimestamp(row["expiry"] / 1000, IST).date()
        assert lots.lot_size(name, expiry) == row["lot_size"]
        assert lots.largest_order(name, expiry, MASTER_DAY) == row["freeze_quantity"]
        if row["instrument_type"] in ("CE", "PE"):
            assert lots.tick_size(name) == pytest.approx(row["tick_size"] / 100)
            strikes.setdefault((name, expiry), set()).add(row["strike_price"])
    for name, expiry in ((name, expiry) for name, expiry in strikes if expiry == date(2026, 1, 27)):
        ladder = sorted(strikes[name, expiry])
        middle = ladder[len(ladder) // 4 : 3 * len(ladder) // 4]
        assert {b - a for a, b in pairwise(middle)} == {lots.strike_step(name)}
