"""The client against the simulated website: figures equal to the market's, every fault an error or overcome."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest

from sos_actors.config import Nse
from sos_actors.errors import VendorAnswerError, VendorRefusedError
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.server import RunningSimulator
from sos_actors.vendors.nse.client import NseSite
from tests.simulator.markets import small_world
from tests.vendors.simulated import TIMEOUT_S, WEB_CASES, Case, fault, simulator

NIFTY = "NSE|INDEX|NIFTY"


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSimulator]:
    world = small_world()
    world.strictness.rate_limits = False
    with simulator(world, "nse") as running:
        yield running


@pytest.fixture
def client(served: RunningSimulator) -> Iterator[NseSite]:
    settings = Nse(url=served.addresses["nse"], timeout_s=TIMEOUT_S, min_gap_s=0.0, rest_after_block_s=0.0)
    with NseSite(Nse(url=settings.url, timeout_s=30.0, min_gap_s=0.0), clock=served.world.clock.now) as slow:
        slow.breadth()  # the market's day is made
        slow.chain(NIFTY)
    with NseSite(settings, clock=served.world.clock.now) as client:
        yield client


def test_a_chain_is_the_markets(served: RunningSimulator, client: NseSite) -> None:
    chain = client.chain(NIFTY)
    market = served.world.market.chain("NIFTY", chain.expiry, chain.ts_event)
    assert market is not None
    assert chain.expiry == client.expiries(NIFTY)[0] == date(2026, 1, 13)
    assert 0 <= served.world.clock.now() - chain.ts_event <= 180e9
    assert chain.spot == pytest.approx(market.spot, abs=0.005)
    assert chain.strike.tolist() == market.strike.tolist()
    for name in ("ce_oi", "pe_oi", "ce_volume", "pe_volume"):
        np.testing.assert_array_equal(getattr(chain, name), getattr(market, name))
    np.testing.assert_array_equal(chain.ce_oi_change, market.ce_oi - market.ce_previous_oi)
    traded = market.pe_volume > 0
    np.testing.assert_allclose(chain.pe_ltp[traded], market.pe_ltp[traded], atol=0.005)
    assert np.isnan(chain.pe_ltp[~traded]).all()


def test_breadth_is_the_markets(served: RunningSimulator, client: NseSite) -> None:
    breadth = client.breadth()
    assert (breadth.advances, breadth.declines, breadth.unchanged) == served.world.market.breadth(breadth.ts_event)
    assert breadth.universe == "NIFTY 50"


def test_the_holidays_are_the_calendars(served: RunningSimulator, client: NseSite) -> None:
    calendar = served.world.market.calendar
    weekdays = [day for day in client.holidays().fo if day.weekday() < 5]
    assert date(2026, 1, 26) in weekdays
    assert not any(calendar.is_business_day(day) for day in weekdays)


def test_an_expiry_or_symbol_nobody_lists_is_no_chain(client: NseSite) -> None:
    with pytest.raises(VendorAnswerError, match="answers with nothing"):
        client.chain(NIFTY, date(2026, 1, 14))
    with pytest.raises(VendorAnswerError, match="answers with nothing"):
        client.expiries("NSE|EQ|BOGUS")


@pytest.mark.parametrize("case", WEB_CASES, ids=str)
def test_a_fault_is_an_error_that_says_so_and_leaves_nothing_behind(
    served: RunningSimulator, client: NseSite, case: Case
) -> None:
    client.chain(NIFTY)
    with fault(served, "nse", case, "*"), pytest.raises(case.outcomes):
        client.chain(NIFTY)
    assert len(client.chain(NIFTY)) > 0


def test_flipped_bytes_never_become_figures(served: RunningSimulator, client: NseSite) -> None:
    whole = client.chain(NIFTY, date(2026, 1, 13))
    for _ in range(5):
        with fault(served, "nse", Case(FaultKind.CORRUPT, ()), "/api/*"), pytest.raises(VendorAnswerError):
            client.chain(NIFTY, whole.expiry)


def test_expired_cookies_are_renewed_unnoticed(served: RunningSimulator, client: NseSite) -> None:
    before = client.chain(NIFTY).ce_oi
    with fault(served, "nse", Case(FaultKind.TOKEN_EXPIRED, ())):
        np.testing.assert_array_equal(client.chain(NIFTY).ce_oi, before)


@pytest.mark.parametrize("status", [401, 403])
def test_one_refusal_is_overcome(served: RunningSimulator, client: NseSite, status: int) -> None:
    with fault(served, "nse", Case(FaultKind.STATUS, (), status), "/api/option-chain-v3", times=1):
        assert len(client.chain(NIFTY)) > 0


def test_answers_of_a_clock_ahead_are_refused_and_stale_ones_keep_their_time(
    served: RunningSimulator, client: NseSite
) -> None:
    with (
        fault(served, "nse", Case(FaultKind.CLOCK_SKEW, (), seconds=600.0)),
        pytest.raises(VendorAnswerError, match="ahead of this machine's clock"),
    ):
        client.breadth()
    before, now = client.chain(NIFTY).ts_event, served.world.clock.now()
    with fault(served, "nse", Case(FaultKind.STALE, ())):
        served.world.clock.step(600)
        try:
            assert client.chain(NIFTY).ts_event == before
        finally:
            served.world.clock.set(now)


def test_too_many_requests_a_second_block_and_then_nothing_is_asked() -> None:
    world = small_world()
    with simulator(world, "nse") as strict:
        settings = Nse(url=strict.addresses["nse"], timeout_s=30.0, min_gap_s=0.0)
        with NseSite(settings, clock=world.clock.now) as client:
            with pytest.raises(VendorRefusedError, match=r"'Access Restricted'.* not asked again before 10:40"):
                _ = [client.holidays() for _ in range(30)]
            with pytest.raises(VendorRefusedError, match="it is not asked before 10:40"):
                client.holidays()
