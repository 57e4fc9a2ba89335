"""NSE's answers have the shape of the captured ones and the figures of the market."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sos_actors.simulator.servers import nse
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.nse_chain import ChainDesk
from sos_actors.simulator.servers.times import Shown
from sos_actors.simulator.view import Listing
from sos_actors.simulator.world import World
from tests.simulator.markets import moment, small_world
from tests.simulator.servers.serving import Client, few_shares, get_json, real_answer, served
from tests.simulator.shapes import differences, shape_of

EXPIRY = date(2026, 1, 13)
CHAIN = "/api/option-chain-v3?type=Indices&symbol=NIFTY&expiry=13-Jan-2026"
RENAMED = {
    "bidprice": "buyPrice1",
    "bidQty": "buyQuantity1",
    "askPrice": "sellPrice1",
    "askQty": "sellQuantity1",
    "pChange": "pchange",
}
"""Version 3 of the chain against the captured predecessor."""


def answer(path: str, world: World | None = None) -> Any:
    async def talk(client: Client) -> Any:
        await client.get("/option-chain", headers={"User-Agent": "Mozilla/5.0"})
        return await get_json(client, path)

    return served(nse.make_app(world or few_shares()), talk)


def as_version_3(leg: dict[str, Any]) -> dict[str, Any]:
    renamed = {RENAMED.get(key, key): value for key, value in leg.items()}
    return renamed | {"optionType": None}


def test_the_chain_has_the_shape_of_the_captured_one(shared_data: Path) -> None:
    real = real_answer(shared_data / "nse", "option-chain-indices_NIFTY_20251205.json.gz")
    ours = answer(CHAIN)
    legs = [row[side] for row in real["records"]["data"] for side in ("CE", "PE") if side in row]
    our_legs = [row[side] for row in ours["records"]["data"] for side in ("CE", "PE")]
    found = differences(shape_of([as_version_3(leg) for leg in legs]), shape_of(our_legs), whole_floats=True)
    assert found == []
    assert shape_of(ours["filtered"]["CE"]).keys.keys() == shape_of(real["filtered"]["CE"]).keys.keys()
    assert ours["records"].keys() == real["records"].keys() - {"index"}
    assert {type(strike) for strike in ours["records"]["strikePrices"]} == {str}
    assert {row.keys() == {"expiryDates", "strikePrice", "CE", "PE"} for row in ours["records"]["data"]} == {True}


def test_all_indices_have_the_shape_of_the_captured_ones(shared_data: Path) -> None:
    real = real_answer(shared_data / "nse", "allIndices_21-Aug-2026.json.gz")
    ours = answer("/api/allIndices")
    assert differences(shape_of(real), shape_of(ours), whole_floats=True) == []
    names = {(row["key"], row["index"], row["indexSymbol"]) for row in real["data"]}
    assert {(row["key"], row["index"], row["indexSymbol"]) for row in ours["data"]} <= names


@pytest.mark.parametrize(("sister", "key"), [("advance", "advance"), ("decline", "decline"), ("unchanged", "Unchange")])
def test_live_analysis_has_the_shape_of_the_captured_one(shared_data: Path, sister: str, key: str) -> None:
    real = real_answer(shared_data / "nse", "live-analysis-advance_21-Aug-2026.json.gz")
    ours = answer(f"/api/live-analysis-{sister}", few_shares("2026-01-12 10:30"))
    assert ours.keys() == {"timestamp", key}
    body = {"timestamp": ours["timestamp"], "advance": ours[key]}
    assert differences(shape_of(real), shape_of(body), whole_floats=True) == []


def test_holidays_have_the_shape_of_the_captured_ones_and_are_the_same_days(shared_data: Path) -> None:
    real = real_answer(shared_data / "nse", "holiday-master_trading_20260715.json")
    ours = answer("/api/holiday-master?type=trading")
    assert differences(shape_of(real), shape_of(ours)) == []
    weekend = {row["tradingDate"] for row in real["CM"] if row["weekDay"] in ("Saturday", "Sunday")}
    for segment in ("CM", "FO"):
        ours_of = {row["tradingDate"]: row for row in ours[segment]}
        real_of = {row["tradingDate"]: row for row in real[segment]}
        assert ours_of.keys() <= real_of.keys()
        assert real_of.keys() - ours_of.keys() <= weekend
        for day, row in ours_of.items():
            assert row["weekDay"] == real_of[day]["weekDay"]


def test_the_market_status_has_the_shape_of_the_captured_one(shared_data: Path) -> None:
    real = real_answer(shared_data / "nse", "equity-stockIndices_SECURITIES_IN_FNO_20251117.json.gz")["marketStatus"]
    [cash, *_] = answer("/api/marketStatus")["marketState"]
    assert differences(shape_of(real), shape_of(cash), whole_floats=True) == []


def test_the_chain_counts_contracts_and_agrees_with_the_market() -> None:
    world = small_world("2026-01-13 10:31")
    ours = answer(CHAIN, world)
    chain = world.market.chain("NIFTY", EXPIRY, moment("2026-01-13 10:30"))
    assert chain is not None
    assert [row["strikePrice"] for row in ours["records"]["data"]] == chain.strike.tolist()
    assert [row["CE"]["openInterest"] * 65 for row in ours["records"]["data"]] == pytest.approx(chain.ce_oi.tolist())
    assert [row["PE"]["totalTradedVolume"] * 65 for row in ours["records"]["data"]] == pytest.approx(
        chain.pe_volume.tolist()
    )
    filtered = ours["filtered"]
    assert filtered["PE"]["totOI"] / filtered["CE"]["totOI"] == pytest.approx(chain.pe_oi.sum() / chain.ce_oi.sum())
    assert ours["records"]["underlyingValue"] == pytest.approx(chain.spot, abs=0.01)
    assert ours["records"]["data"][0]["CE"]["identifier"].startswith("OPTIDXNIFTY13-01-2026CE2")
    change = ours["records"]["data"][10]["PE"]["changeinOpenInterest"]
    assert change == pytest.approx((chain.pe_oi[10] - chain.pe_previous_oi[10]) / 65)


def test_one_strike_is_answered_with_every_expiry() -> None:
    strikes = answer("/api/option-chain-contract-info?symbol=NIFTY")["strikePrice"]
    assert strikes == sorted(strikes, key=float)
    ours = answer("/api/option-chain-v3?type=Indices&symbol=NIFTY&strike=25000")
    rows = ours["records"]["data"]
    assert [row["expiryDates"] for row in rows] == ours["records"]["expiryDates"]
    assert {row["strikePrice"] for row in rows} == {25000}


def test_a_contract_that_is_not_listed_is_a_leg_of_zeros_without_an_identifier() -> None:
    world = small_world()

    class Without(Board):
        def options(self, underlying: str, expiry: date) -> dict[tuple[float, str], Listing]:
            return {key: one for key, one in super().options(underlying, expiry).items() if key != (25000.0, "CE")}

    desk = ChainDesk(world.market, Without(world.market))
    ours = desk.chain("Indices", "NIFTY", "13-Jan-2026", "", Shown(world.clock.now(), 0))
    [row] = [row for row in ours["records"]["data"] if row["strikePrice"] == 25000]
    assert row["CE"].keys() == row["PE"].keys()
    assert row["CE"]["identifier"] is None
    assert row["CE"]["openInterest"] == row["CE"]["lastPrice"] == 0
    assert row["PE"]["identifier"] == "OPTIDXNIFTY13-01-2026PE25000.00"


def test_breadth_is_the_markets_own() -> None:
    world = few_shares()
    ours = {sister: answer(f"/api/live-analysis-{sister}", world) for sister in ("advance", "decline", "unchanged")}
    counts = ours["advance"]["advance"]["count"]
    assert counts == ours["decline"]["decline"]["count"] == ours["unchanged"]["Unchange"]["count"]
    assert counts["Total"] == 6 == counts["Advances"] + counts["Declines"] + counts["Unchange"]
    assert len(ours["advance"]["advance"]["data"]) == counts["Advances"]
    assert all(row["change"] < 0 for row in ours["decline"]["decline"]["data"])
    indices = answer("/api/allIndices", world)
    nifty = indices["data"][0]
    breadth = world.market.breadth(world.clock.now())
    assert (nifty["index"], nifty["advances"], nifty["declines"]) == (
        "NIFTY 50",
        str(breadth.advances),
        str(breadth.declines),
    )
    assert (indices["advances"], indices["declines"]) == (counts["Advances"], counts["Declines"])
    assert "advances" not in indices["data"][1]
