from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
import websocket
from aiohttp import web

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import running
from sos_actors.simulator.upstox.feed import PLAIN_PATH, MarketDataFeed, add_feed
from sos_actors.simulator.upstox.sockets import add_authorise_routes
from sos_actors.simulator.upstox.tokens import TOKENS, Tokens
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_MINUTE
from tests.simulator.markets import model_market, moment, small_world
from tests.simulator.upstox.broker import Broker, broker
from tests.simulator.upstox.feeds import Client, client

NIFTY, RELIANCE = "NSE_INDEX|Nifty 50", "NSE_EQ|INE002A01018"
AUTHORISE = "/v3/feed/market-data-feed/authorize"


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """A session is computed when first looked at."""
    for symbol in ("NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE"):
        listing = model_market().named(symbol, date(2026, 1, 13))
        assert listing is not None
        model_market().state(listing, moment("2026-01-13 10:30"))


@pytest.fixture
def upstox() -> Iterator[Broker]:
    with broker(small_world()) as upstox:
        yield upstox


def address(upstox: Broker) -> str:
    return str(upstox.ask(AUTHORISE).data["authorizedRedirectUri"])


def status_of(url: str, **options: Any) -> int:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused, client(url, **options):
        pass
    return int(refused.value.status_code)


def open_feed(stack: ExitStack, upstox: Broker) -> Client:
    """A client that has heard the states already."""
    here = stack.enter_context(client(address(upstox)))
    assert here.frame().type == 2
    return here


def test_the_states_come_first_and_later_only_those_that_change() -> None:
    with broker(small_world("2026-01-13 09:14")) as upstox, client(address(upstox)) as here:
        first = here.frame()
        assert first.type == 2
        assert len(first.marketInfo.segmentStatus) == 11
        assert first.marketInfo.segmentStatus["NSE_EQ"] == 1
        assert first.marketInfo.segmentStatus["MCX_FO"] == 2
        assert first.currentTs == moment("2026-01-13 09:14") // 1_000_000
        upstox.world.clock.step(60.5)
        opened = here.frame()
        assert dict(opened.marketInfo.segmentStatus) == dict.fromkeys(
            ("NSE_EQ", "NSE_INDEX", "NSE_FO", "BSE_EQ", "BSE_INDEX", "BSE_FO"), 2
        )


def test_a_subscription_is_answered_with_a_snapshot_in_its_mode(upstox: Broker) -> None:
    with ExitStack() as stack:
        here = open_feed(stack, upstox)
        here.ask("sub", [NIFTY, RELIANCE, "NSE_EQ|nobody"], mode="full")
        frame = here.frame()
        assert frame.type == 1
        assert set(frame.feeds) == {NIFTY, RELIANCE}
        assert frame.feeds[RELIANCE].requestMode == 1
        assert len(frame.feeds[RELIANCE].fullFeed.marketFF.marketLevel.bidAskQuote) == 5
        assert frame.feeds[NIFTY].fullFeed.WhichOneof("FullFeedUnion") == "indexFF"
        for mode, number, part in (("full_d30", 3, "fullFeed"), ("option_greeks", 2, "firstLevelWithGreeks")):
            here.ask("change_mode", [RELIANCE, "NSE_EQ|INE009A01021"], mode=mode)
            (told,) = here.frame().feeds.values()
            assert (told.requestMode, told.WhichOneof("FeedUnion")) == (number, part)
        here.ask("unsub", [RELIANCE, NIFTY])
        here.ask("sub", [RELIANCE], text=True)
        (told,) = here.frame().feeds.values()
        assert (told.requestMode, told.WhichOneof("FeedUnion")) == (0, "ltpc")
        assert told.ltpc.ltp == frame.feeds[RELIANCE].fullFeed.marketFF.ltpc.ltp


def test_requests_that_make_no_sense_are_passed_over_or_refused(upstox: Broker) -> None:
    with ExitStack() as stack:
        here = open_feed(stack, upstox)
        for nonsense in (b"", b"\xff", b"{}", b"[1]", b'{"method":"sub","data":{"instrumentKeys":5}}'):
            here.ws.send(nonsense, 2)
        here.ask("dance", [NIFTY], mode="full")
        here.ask("sub", [NIFTY], mode="everything")
        assert here.text() == {"status": "failed", "method": "sub", "error": "Invalid mode: everything"}
        here.ask("sub", [f"NSE_FO|{number}" for number in range(51)], mode="full_d30")
        assert "51 instruments in mode full_d30, 50 allowed" in here.text()["error"]
        here.ask("sub", [f"NSE_FO|{number}" for number in range(2000)], mode="full")
        here.ask("sub", [NIFTY], mode="ltpc")
        assert "2000 instruments in mode full, 1500 allowed" in here.text()["error"]
        here.ask("sub", [NIFTY], mode="full")
        assert "2001 instruments" in here.text()["error"]


def test_equal_steps_of_the_clock_give_equal_bytes() -> None:
    def frames() -> list[bytes]:
        with broker(small_world()) as upstox, ExitStack() as stack:
            here = open_feed(stack, upstox)
            here.ask("sub", [NIFTY, RELIANCE], mode="full")
            heard = [here.raw()]
            upstox.world.clock.step(20)
            upstox.world.clock.step(50)
            here_until(here, heard, 60)
            return heard

    assert frames() == frames()


def here_until(here: Client, heard: list[bytes], count: int) -> None:
    while len(heard) < count:
        heard.append(here.raw())


def test_after_a_jump_the_market_is_told_as_it_is_now(upstox: Broker) -> None:
    with ExitStack() as stack:
        here = open_feed(stack, upstox)
        here.ask("sub", [RELIANCE], mode="ltpc")
        here.frame()
        for to in ("2026-01-13 14:00", "2026-01-13 11:00"):
            upstox.world.clock.set(moment(to))
            frame = here.frame()
            assert abs(frame.currentTs - moment(to) // 1_000_000) < 1_000
            assert moment(to) // 1_000_000 - 60_000 < frame.feeds[RELIANCE].ltpc.ltt <= moment(to) // 1_000_000


def test_the_wrong_token_or_code_does_not_get_in_and_a_code_works_once(upstox: Broker) -> None:
    url = address(upstox)
    with client(url) as here:
        assert here.frame().type == 2
    assert status_of(url) == 403
    plain = url.partition("?")[0]
    assert status_of(plain) == 401
    assert status_of(plain, header=["Authorization: Bearer nobody's"]) == 401
    assert status_of(plain.replace(urlsplit(url).path, PLAIN_PATH)) == 401
    with client(plain.replace(urlsplit(url).path, PLAIN_PATH), header=["Authorization: Bearer sim-token"]) as here:
        assert here.frame().type == 2, "redirected to a one-time address"


@pytest.mark.parametrize(("plus", "most"), [(False, 2), (True, 5)])
def test_a_user_has_only_so_many_connections(plus: bool, most: int) -> None:
    with broker(small_world(plus_plan=plus)) as upstox:
        with ExitStack() as stack:
            for _ in range(most):
                open_feed(stack, upstox)
            assert status_of(address(upstox)) == 403
        for _ in range(50):  # those that have gone are noticed at once, or nearly
            try:
                with client(address(upstox)) as here:
                    assert here.frame().type == 2
                break
            except websocket.WebSocketBadStatusException:
                continue
        else:
            pytest.fail("no place became free")


def test_a_token_that_dies_ends_its_connections(upstox: Broker) -> None:
    with ExitStack() as stack:
        here = open_feed(stack, upstox)
        upstox.simulator.call(lambda: upstox.world.faults.add(Fault("upstox", FaultKind.TOKEN_EXPIRED)))
        code, content = here.ws.recv_data()
        assert code == websocket.ABNF.OPCODE_CLOSE
        assert int.from_bytes(content[:2], "big") == 1008


def test_an_idle_feed_pings_and_a_mute_one_answers_none() -> None:
    world = small_world("2026-01-13 20:00")
    app = small_app(world)
    with running(world, apps=lambda: {"upstox": app}) as simulator:
        upstox = Broker(simulator, app)
        with ExitStack() as stack:
            here = open_feed(stack, upstox)
            assert here.ws.recv_data(control_frame=True)[0] == websocket.ABNF.OPCODE_PING
            here.ws.ping()
            while here.ws.recv_data(control_frame=True)[0] != websocket.ABNF.OPCODE_PONG:
                pass
            simulator.call(lambda: world.faults.add(Fault("upstox", FaultKind.MUTE, "feed")))
            here.ws.ping()
            here.ws.settimeout(0.3)
            with pytest.raises(websocket.WebSocketTimeoutException):
                here.ws.recv_data(control_frame=True)


def small_app(world: World) -> web.Application:
    app = web.Application()
    app[TOKENS] = Tokens(world)
    add_authorise_routes(app)
    assert isinstance(add_feed(app, world, ping_after_s=0.05), MarketDataFeed)
    return app


def test_a_stale_feed_repeats_what_was(upstox: Broker) -> None:
    with ExitStack() as stack:
        here = open_feed(stack, upstox)
        began = upstox.world.clock.now()
        upstox.simulator.call(lambda: upstox.world.faults.add(Fault("upstox", FaultKind.STALE, "feed"), began))
        here.ask("sub", [RELIANCE], mode="ltpc")
        first = here.frame().feeds[RELIANCE]
        upstox.world.clock.step(30)
        for _ in range(10):
            frame = here.frame()
            assert frame.feeds[RELIANCE].ltpc.ltt <= first.ltpc.ltt
            assert frame.currentTs <= began // 1_000_000


def test_the_clock_of_the_vendor_is_in_the_frames() -> None:
    world = small_world()
    world.faults.add(Fault("upstox", FaultKind.CLOCK_SKEW, seconds=120.0))
    with broker(world) as upstox, client(address(upstox)) as here:
        assert here.frame().currentTs * 1_000_000 == world.clock.now() + 2 * NANOS_PER_MINUTE


def test_nothing_is_said_when_the_market_is_closed() -> None:
    with broker(small_world("2026-01-13 15:29:50")) as upstox, ExitStack() as stack:
        here = open_feed(stack, upstox)
        here.ask("sub", [RELIANCE], mode="ltpc")
        here.frame()
        upstox.world.clock.step(200)
        last, states = 0, list[str]()
        while not states:
            frame = here.frame()
            states += frame.marketInfo.segmentStatus
            last = frame.currentTs
        assert last == moment("2026-01-13 15:30") // 1_000_000
        here.ws.settimeout(0.2)
        with pytest.raises(websocket.WebSocketTimeoutException):
            here.frame()
