"""The client against the simulated site: open interest equal to the market's, windows never made into history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest

from sos_actors.config import Trendlyne
from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorRefusedError
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.server import RunningSimulator
from sos_actors.vendors.trendlyne.client import SmartOptions
from tests.simulator.markets import small_world
from tests.vendors.simulated import TIMEOUT_S, WEB_CASES, Case, fault, simulator

NIFTY, DAY = "NSE|INDEX|NIFTY", date(2026, 1, 13)


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSimulator]:
    with simulator(small_world(), "trendlyne") as running:
        with SmartOptions(settings(running, 30.0), clock=running.world.clock.now) as slow:
            slow.chain(NIFTY)  # the market's day is made
        yield running


@pytest.fixture
def client(served: RunningSimulator) -> Iterator[SmartOptions]:
    with SmartOptions(settings(served, TIMEOUT_S), clock=served.world.clock.now) as client:
        yield client


def settings(served: RunningSimulator, timeout_s: float) -> Trendlyne:
    return Trendlyne(url=f"{served.addresses['trendlyne']}/phoenix/api", timeout_s=timeout_s, min_gap_s=0.0)


def test_open_interest_is_the_markets_at_the_moment_that_is_reported(
    served: RunningSimulator, client: SmartOptions
) -> None:
    chain = client.chain(NIFTY)
    market = served.world.market.chain("NIFTY", chain.expiry, chain.ts_event)
    assert market is not None
    assert chain.expiry == client.expiries(NIFTY)[0] == DAY
    assert 0 < served.world.clock.now() - chain.ts_event <= 5 * 60e9
    shown = np.isin(market.strike, chain.strike)
    assert 20 < shown.sum() < len(market.strike)
    np.testing.assert_array_equal(chain.ce_oi, market.ce_oi[shown])
    np.testing.assert_array_equal(chain.pe_oi, market.pe_oi[shown])
    np.testing.assert_array_equal(chain.pe_oi_change, (market.pe_oi - market.pe_previous_oi)[shown])
    assert np.isnan(chain.ce_ltp).all()


def test_stocks_are_found_by_their_exact_code(client: SmartOptions) -> None:
    assert client.stock_id("NIFTY") == 1887
    assert client.stock_id("NSE|INDEX|BANKNIFTY") != 1887
    with pytest.raises(UnknownSymbolError):
        client.stock_id("NIFT")


def test_an_expiry_nobody_lists_is_no_chain(client: SmartOptions) -> None:
    with pytest.raises(VendorAnswerError, match="no answer: 'No data found'"):
        client.chain(NIFTY, date(2026, 1, 14))


def test_anonymous_callers_get_no_history(client: SmartOptions) -> None:
    with pytest.raises(VendorRefusedError, match="ignores the time window"):
        client.history(NIFTY, DAY, DAY, ["09:30", "09:33", "09:36"])


def test_windows_whose_moment_is_not_told_become_no_history_either(
    served: RunningSimulator, client: SmartOptions
) -> None:
    served.call(lambda: setattr(served.world.strictness, "trendlyne_window", True))
    try:
        assert len(client.chain(NIFTY)) > 0
        with pytest.raises(VendorRefusedError, match="does not say of which moment they are"):
            client.window(NIFTY, DAY, DAY, "09:30")
        now = client.window(NIFTY, DAY, DAY, "10:30")
        assert now.ts_event == client.chain(NIFTY).ts_event
    finally:
        served.call(lambda: setattr(served.world.strictness, "trendlyne_window", False))


@pytest.mark.parametrize("case", WEB_CASES, ids=str)
def test_a_fault_is_an_error_that_says_so_and_leaves_nothing_behind(
    served: RunningSimulator, client: SmartOptions, case: Case
) -> None:
    client.chain(NIFTY)
    with fault(served, "trendlyne", case, "*"), pytest.raises(case.outcomes):
        client.chain(NIFTY)
    assert len(client.chain(NIFTY)) > 0


def test_flipped_bytes_never_become_figures(served: RunningSimulator, client: SmartOptions) -> None:
    client.chain(NIFTY)
    for _ in range(5):
        with fault(served, "trendlyne", Case(FaultKind.CORRUPT, ())), pytest.raises(VendorAnswerError):
            client.chain(NIFTY)


def test_a_session_that_ended_is_renewed_unnoticed(served: RunningSimulator, client: SmartOptions) -> None:
    client.chain(NIFTY)
    with fault(served, "trendlyne", Case(FaultKind.TOKEN_EXPIRED, ())):
        assert len(client.chain(NIFTY)) > 0


def test_answers_of_a_clock_ahead_are_refused_and_stale_ones_keep_their_time(
    served: RunningSimulator, client: SmartOptions
) -> None:
    with (
        fault(served, "trendlyne", Case(FaultKind.CLOCK_SKEW, (), seconds=900.0)),
        pytest.raises(VendorAnswerError, match="ahead of this machine's clock"),
    ):
        client.chain(NIFTY)
    before, now = client.chain(NIFTY).ts_event, served.world.clock.now()
    with fault(served, "trendlyne", Case(FaultKind.STALE, ())):
        served.world.clock.step(600)
        try:
            assert client.chain(NIFTY).ts_event == before
        finally:
            served.world.clock.set(now)
