from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sos_actors.market.chain import ChainSnapshot, max_pain_of
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.servers import trendlyne
from sos_actors.simulator.world import World
from tests.simulator.markets import moment
from tests.simulator.servers.serving import Client, few_shares, get_json, real_answer, served
from tests.simulator.shapes import differences, shape_of

ROOT = "/phoenix/api/"
NEAREST = date(2026, 1, 13)
LIVE = ROOT + "live-oi-data/?stockId=1887&expDateList=2026-01-13&minTime=09:15&maxTime={}"
JSON = {"Accept": "application/json"}


def answer(path: str, world: World | None = None, **options: Any) -> Any:
    async def talk(client: Client) -> Any:
        return await get_json(client, path, JSON)

    return served(trendlyne.make_app(world or few_shares(), **options), talk)


def body(path: str, world: World | None = None) -> Any:
    told = answer(path, world)
    assert told["head"] == {"status": "0", "statusDescription": "Success", "responseCode": None}
    return told["body"]


@pytest.mark.parametrize(("at", "window"), [("2026-01-13 13:58", False), ("2026-01-13 15:45", True)])
def test_open_interest_has_the_shape_of_the_captured_answer(shared_data: Path, at: str, window: bool) -> None:
    real = real_answer(shared_data / "trendlyne", "live-oi-data_NIFTY_20260102_exp20260106_0915-0917.json")
    ours = answer(LIVE.format("09:17"), few_shares(at, trendlyne_window=window))
    assert differences(shape_of(real), shape_of(ours)) == []


def test_an_anonymous_caller_gets_the_latest_figures_whatever_window_was_asked_for() -> None:
    world = few_shares("2026-01-13 13:58")
    ours = body(LIVE.format("09:17"), world)
    assert ours["overallData"]["hideTimeSlider"] is True
    assert ours["inputData"]["maxTime"] == "13:58"
    assert ours["inputData"]["lastUpdatedDateTime"] == "2026-01-13T13:57:00+05:30"
    chain = world.market.chain("NIFTY", NEAREST, moment("2026-01-13 13:57"))
    assert chain is not None
    assert ours["overallData"]["totalCallOi"] == chain.ce_oi.sum()
    assert ours["overallData"]["totalPCR"] == pytest.approx(chain.pe_oi.sum() / chain.ce_oi.sum())
    assert ours["overallData"]["totalPutOiChange"] == pytest.approx((chain.pe_oi - chain.pe_previous_oi).sum())
    assert body(LIVE.format("11:00"), world) == ours


def test_after_the_session_the_window_reads_half_past_three() -> None:
    ours = body(LIVE.format("09:15"), few_shares("2026-01-13 18:02"))
    assert ours["inputData"]["maxTime"] == "15:30"
    assert ours["inputData"]["lastUpdatedDateTime"] == "2026-01-13T15:40:00+05:30"


def test_before_the_session_the_last_one_is_shown_with_its_own_time() -> None:
    world = few_shares("2026-01-13 09:11")
    ours = body(LIVE.format("09:11"), world)
    assert ours["inputData"]["tradingDate"] == "2026-01-12"
    assert ours["inputData"]["lastUpdatedDateTime"] == "2026-01-12T15:40:00+05:30"


def test_the_window_is_honoured_where_the_world_says_so() -> None:
    world = few_shares("2026-01-13 13:58", trendlyne_window=True)
    ours = body(LIVE.format("10:17"), world)
    assert ours["overallData"]["hideTimeSlider"] is False
    assert ours["inputData"]["maxTime"] == "10:17"
    assert ours["inputData"]["lastUpdatedDateTime"] == "2026-01-13T13:57:00+05:30"
    chain = world.market.chain("NIFTY", NEAREST, moment("2026-01-13 10:15"))
    assert chain is not None
    assert ours["overallData"]["totalCallOi"] == chain.ce_oi.sum()


def test_only_strikes_within_five_per_cent_are_shown_and_totals_are_the_chains() -> None:
    world = few_shares("2026-01-13 13:58")
    chain = world.market.chain("NIFTY", NEAREST, moment("2026-01-13 13:57"))
    ours = body(LIVE.format("13:58"), world)
    assert chain is not None
    lowest, highest, atm = ours["inputData"]["minStrikePrice"], ours["inputData"]["maxStrikePrice"], 0
    atm = ours["overallData"]["atm"]
    assert (lowest, highest) == (int(atm * 0.95), int(atm * 1.05))
    inside = [strike for strike in chain.strike.tolist() if lowest <= strike <= highest]
    assert [float(strike) for strike in ours["oiData"]] == inside
    assert ours["overallData"]["strikePriceList"] == chain.strike.tolist()
    row = chain.strike.tolist().index(atm)
    assert ours["oiData"][str(atm)]["callOi"] == chain.ce_oi[row]
    assert ours["oiData"][str(atm)]["putPrevOi"] == chain.pe_previous_oi[row]
    assert all(leg["callOi"] % 65 == 0 for leg in ours["oiData"].values())


def test_the_search_is_fuzzy_and_knows_niftys_number() -> None:
    found = body(ROOT + "search-contract-stock/?query=nifty")["data"]
    numbers = {row["stock_code"]: row["stock_id"] for row in found}
    assert numbers["NIFTY"] == 1887
    assert len(numbers) > 1
    assert numbers["BANKNIFTY"] != 1887
    assert body(ROOT + "search-contract-stock/?query=nobody") == {"data": []}


def test_expiries_are_dates_of_the_market_nearest_first() -> None:
    world = few_shares()
    told = body(ROOT + "fno/get-expiry-dates/?mtype=options&stock_id=1887", world)
    assert told["default_expiry_date"] == told["expiryDates"][0] == "2026-01-13"
    futures = body(ROOT + "fno/get-expiry-dates/?mtype=futures&stock_id=1887", world)["expiryDates"]
    every = body(ROOT + "search-contract-expiry-dates/?stock_pk=1887", world)["data"]["all_exp_list"]
    assert every == sorted({*told["expiryDates"], *futures})


def test_the_chain_stands_by_position_with_max_pain_and_ratios() -> None:
    world = few_shares("2026-01-13 13:58")
    told = body(ROOT + "fno/option/chain/?stockCode=NIFTY&expDate=2026-01-13", world)
    chain = world.market.chain("NIFTY", NEAREST, moment("2026-01-13 13:57"))
    assert chain is not None
    assert {len(row) for row in told["tableData"]} == {33}
    assert [row[17] for row in told["tableData"]] == chain.strike.tolist()
    assert [row[5] for row in told["tableData"]] == chain.ce_oi.tolist()
    assert [row[23] for row in told["tableData"]] == chain.pe_oi.tolist()
    oi, ltp = (chain.ce_oi, chain.pe_oi), (chain.ce_ltp, chain.pe_ltp)
    snapshot = ChainSnapshot(chain.strike, *oi, *ltp, *oi, chain.spot)
    assert told["maxPain"] == max_pain_of(snapshot)
    assert told["expiryLevelPCRValues"]["2026-01-13"] == pytest.approx(chain.pe_oi.sum() / chain.ce_oi.sum(), abs=1e-4)
    assert {"atTheMoney", "MWPL", "IV", "futureData"} <= told.keys()


def test_build_up_and_the_filter_have_rows() -> None:
    futures = body(ROOT + "fno/buildup-5/27-jan-2026-near/NIFTY/?fno_mtype=futures")
    assert [row["symbol"] for row in futures["data_v2"]] == ["NIFTY FUT 27 JAN 26"]
    calls = body(ROOT + "fno/buildup-15/13-jan-2026-near/NIFTY/?fno_mtype=options&strikePrice=25000&option_type=call")
    assert [row["symbol"] for row in calls["data_v2"]] == ["NIFTY 25000 CE 13 JAN 26"]
    gainers = body(ROOT + "fno/market/filter/?mtype=futures&expDate=2026-01-27&screenType=oi-gainers")
    assert [row[5] for row in gainers["tableData"]] == sorted((row[5] for row in gainers["tableData"]), reverse=True)


@pytest.mark.parametrize(
    "path",
    [
        "live-oi-data/?stockId=1887&expDateList=2026-01-14&minTime=09:15&maxTime=15:30",
        "live-oi-data/?stockId=4711&expDateList=2026-01-13",
        "live-oi-data/",
        "fno/option/chain/?stockCode=NIFTY&expDate=soon",
    ],
)
def test_what_there_is_nothing_of_has_another_status(path: str) -> None:
    told = answer(ROOT + path)
    assert told["head"]["status"] == "1"
    assert told["body"] == {}


def test_a_browser_gets_a_page_unless_it_asks_for_json() -> None:
    async def talk(client: Client) -> None:
        page = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        response = await client.get(LIVE.format("10:00"), headers=page)
        assert (response.status, response.content_type) == (200, "text/html")
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert response.headers["Vary"] == "Accept"
        response = await client.get(LIVE.format("10:00") + "&format=json", headers=page)
        assert response.content_type == "application/json"
        response = await client.get(ROOT + "nothing/", headers=JSON)
        assert (response.status, await response.json()) == (404, {"detail": "Not found."})

    served(trendlyne.make_app(few_shares()), talk)


def test_a_cold_or_expired_session_has_a_text_for_a_head() -> None:
    world = few_shares()

    async def talk(client: Client) -> None:
        path = ROOT + "search-contract-stock/?query=nifty"
        assert isinstance((await get_json(client, path, JSON))["head"], str)
        await client.get("/")
        assert isinstance((await get_json(client, path, JSON))["head"], dict)
        world.faults.add(Fault("trendlyne", FaultKind.TOKEN_EXPIRED))
        assert isinstance((await get_json(client, path, JSON))["head"], str)
        await client.get("/")
        assert isinstance((await get_json(client, path, JSON))["head"], dict)

    served(trendlyne.make_app(world, needs_session=True), talk)


def test_equal_moments_give_equal_answers_and_a_stale_site_repeats_itself() -> None:
    world = few_shares("2026-01-13 13:58")
    before = body(LIVE.format("13:58"), world)
    assert body(LIVE.format("13:58"), few_shares("2026-01-13 13:58")) == before
    world.faults.add(Fault("trendlyne", FaultKind.STALE), world.clock.now())
    world.clock.step(1800)
    assert body(LIVE.format("14:28"), world) == before
