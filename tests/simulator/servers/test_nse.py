from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.servers import nse
from sos_actors.simulator.world import World
from tests.simulator.servers.serving import BROWSER, Client, few_shares, get_json, served

CHAIN = "/api/option-chain-v3?type=Indices&symbol=NIFTY&expiry=13-Jan-2026"


def asked(world: World, *paths: str, **options: Any) -> list[tuple[int, str, bytes]]:
    """Status, content type and body of each path, after a visit of a page."""

    async def talk(client: Client) -> list[tuple[int, str, bytes]]:
        await (await client.get("/option-chain", headers=BROWSER)).read()
        answers = []
        for path in paths:
            response = await client.get(path, headers=BROWSER)
            answers.append((response.status, response.content_type, await response.read()))
        return answers

    return served(nse.make_app(world, **options), talk)


def test_without_a_visited_page_the_interface_answers_401_with_a_page() -> None:
    async def talk(client: Client) -> None:
        response = await client.get(CHAIN, headers=BROWSER)
        assert (response.status, response.content_type) == (401, "text/html")
        assert "No authorization token was found" in await response.text()
        assert "advances" in await get_json(client, "/api/allIndices")

    served(nse.make_app(few_shares()), talk)


def test_a_visit_gives_the_cookies_that_open_the_interface_until_they_are_old() -> None:
    now = [0.0]

    async def talk(client: Client) -> None:
        response = await client.get("/option-chain", headers=BROWSER)
        assert response.content_type == "text/html"
        assert {"nsit", "nseappid", "ak_bmsc", "bm_sv", "_abck"} <= response.cookies.keys()
        assert (await get_json(client, CHAIN))["records"]["data"]
        now[0] = 300.0
        assert (await client.get(CHAIN, headers=BROWSER)).status == 401
        await client.get("/option-chain", headers=BROWSER)
        assert (await client.get(CHAIN, headers=BROWSER)).status == 200

    served(nse.make_app(few_shares(), monotonic=lambda: now[0]), talk)


def test_a_token_expiry_ends_earlier_visits_and_spares_later_ones_also_while_the_clock_stands() -> None:
    world = few_shares()

    async def talk(client: Client) -> list[int]:
        statuses = []
        for path in ("/option-chain", CHAIN, "expire", CHAIN, "/option-chain", CHAIN):
            if path == "expire":
                world.faults.add(Fault("nse", FaultKind.TOKEN_EXPIRED), world.clock.now())
                continue
            statuses.append((await client.get(path, headers=BROWSER)).status)
        return statuses

    assert served(nse.make_app(world), talk) == [200, 200, 401, 200, 200]


@pytest.mark.parametrize("agent", ["python-requests/2.34", "curl/8", ""])
def test_who_is_no_browser_gets_access_denied(agent: str) -> None:
    async def talk(client: Client) -> None:
        response = await client.get("/option-chain", headers={"User-Agent": agent})
        assert (response.status, response.content_type) == (403, "text/html")
        assert "Access Denied" in await response.text()

    served(nse.make_app(few_shares()), talk)


def test_too_many_requests_block_for_ten_minutes_of_real_time() -> None:
    now = [0.0]

    async def talk(client: Client) -> list[int]:
        statuses = []
        for at in (0.0, 0.1, 0.2, 0.3, 1.5, 600.2, 600.5):
            now[0] = at
            statuses.append((await client.get("/api/marketStatus", headers=BROWSER)).status)
        return statuses

    app = nse.make_app(few_shares(), most_a_second=3, monotonic=lambda: now[0])
    assert served(app, talk) == [200, 200, 200, 403, 403, 403, 200]
    app = nse.make_app(few_shares(rate_limits=False), most_a_second=3, monotonic=lambda: now[0])
    assert set(served(app, talk)) == {200}


@pytest.mark.parametrize(
    "query",
    [
        "type=Indices&symbol=NIFTY",
        "type=Equities&symbol=NIFTY&expiry=13-Jan-2026",
        "type=Equity&symbol=NIFTY&expiry=13-Jan-2026",
        "type=Indices&symbol=NIFTY&expiry=14-Jan-2026",
        "type=Indices&symbol=NIFTY&expiry=soon",
        "type=Indices&symbol=NOBODY&expiry=13-Jan-2026",
        "",
    ],
)
def test_what_the_chain_does_not_understand_is_answered_with_an_empty_object(query: str) -> None:
    assert asked(few_shares(), f"/api/option-chain-v3?{query}") == [(200, "application/json", b"{}")]


@pytest.mark.parametrize(
    "path", ["option-chain-indices?symbol=NIFTY", "option-chain-equities", "quote-equity", "equity-stockIndices", "x"]
)
def test_a_retired_route_is_a_page_that_says_so(path: str) -> None:
    [(status, content_type, body)] = asked(few_shares(), f"/api/{path}")
    assert (status, content_type) == (404, "text/html")
    assert b"Resource not found" in body


def test_answers_are_gzipped_for_who_says_so_and_never_brotli() -> None:
    async def talk(client: Client) -> None:
        for offered, encoding in (("gzip, deflate", "gzip"), ("br", None), ("gzip, deflate, br", "gzip")):
            headers = BROWSER | {"Accept-Encoding": offered}
            response = await client.get("/api/holiday-master?type=trading", headers=headers)
            body = await response.read()
            assert response.headers.get("Content-Encoding") == encoding
            assert json.loads(gzip.decompress(body) if encoding else body)["CM"]

    async def run(client: Client) -> None:
        client.session._auto_decompress = False
        await talk(client)

    served(nse.make_app(few_shares()), run)


def test_the_chain_moves_every_three_minutes_and_says_of_when_it_is() -> None:
    world = few_shares("2026-01-13 10:31:10")
    [(_, _, first)] = asked(world, CHAIN)
    assert json.loads(first)["records"]["timestamp"] == "13-Jan-2026 10:30:00"
    world.clock.step(100)
    [(_, _, second)] = asked(world, CHAIN)
    assert second == first
    world.clock.step(10)
    [(_, _, third)] = asked(world, CHAIN)
    assert json.loads(third)["records"]["timestamp"] == "13-Jan-2026 10:33:00"
    assert json.loads(third)["filtered"] != json.loads(first)["filtered"]


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2026-01-13 15:31", "13-Jan-2026 15:30:00"),
        ("2026-01-13 08:00", "12-Jan-2026 15:30:00"),
        ("2026-01-17 12:00", "16-Jan-2026 15:30:00"),
        ("2026-01-13 09:15", "13-Jan-2026 09:15:00"),
    ],
)
def test_outside_the_session_the_last_close_is_shown_with_its_old_time(at: str, told: str) -> None:
    [(_, _, info)] = asked(few_shares(at), "/api/option-chain-contract-info?symbol=NIFTY")
    expiry = json.loads(info)["expiryDates"][0]
    [(_, _, body)] = asked(few_shares(at), f"/api/option-chain-v3?type=Indices&symbol=NIFTY&expiry={expiry}")
    assert json.loads(body)["records"]["timestamp"] == told


def test_a_stale_site_repeats_the_answer_of_the_moment_it_went_stale() -> None:
    world = few_shares("2026-01-13 10:31")
    [(_, _, before)] = asked(world, CHAIN)
    fault = world.faults.add(Fault("nse", FaultKind.STALE, path="/api/option-chain-v3"), world.clock.now())
    world.clock.step(1800)
    assert asked(world, CHAIN)[0][2] == before
    world.faults.remove(fault.id)
    assert asked(world, CHAIN)[0][2] != before


def test_a_skewed_clock_moves_the_times_and_not_the_market() -> None:
    world = few_shares("2026-01-13 10:31")
    [(_, _, before)] = asked(world, CHAIN)
    world.faults.add(Fault("nse", FaultKind.CLOCK_SKEW, seconds=120.0))
    [(_, _, after)] = asked(world, CHAIN)
    assert b"13-Jan-2026 10:32:00" in after
    assert after.replace(b"10:32:00", b"10:30:00") == before


def test_equal_moments_give_equal_bytes() -> None:
    paths = (CHAIN, "/api/live-analysis-advance", "/api/allIndices", "/api/marketStatus")
    assert asked(few_shares(), *paths) == asked(few_shares(), *paths)


def test_the_market_is_open_in_the_session_and_closed_after_it() -> None:
    for at, word in (("2026-01-13 10:30", "Open"), ("2026-01-13 15:30", "Closed"), ("2026-01-15 11:00", "Closed")):
        states = json.loads(asked(few_shares(at), "/api/marketStatus")[0][2])["marketState"]
        assert states[0]["marketStatus"] == word
        assert "market" not in states[-1]
        assert {type(state["last"]) for state in states} == {float, str}
