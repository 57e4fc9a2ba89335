"""A look at the running session through the real clients: chain, breadth and prices, each from whoever gave them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.ingest.ingesting import ingest
from sos_actors.app.ingest.request import IngestReport, IngestRequest
from sos_actors.app.simulated import config_for
from sos_actors.app.vendors import Vendors, connect_vendors
from sos_actors.config import Config, Ingest
from sos_actors.market.calendar import Calendar
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.store.database import Store
from sos_actors.types import Fraction, Secret
from tests.simulator.markets import small_world

NIFTY = "NSE|INDEX|NIFTY"
SETTINGS = Ingest(strikes_around=1, parallel=2)


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running(small_world(at="2026-01-13 10:00:30", rate_limits=False, expired_reach_days=None)) as started:
        yield started


@pytest.fixture(scope="module")
def vendors(simulator: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendors]:
    config = config_for(Config.default(), simulator.addresses)
    config = replace(config, tradingview=replace(config.tradingview, timeout_s=60.0))  # its first answer is computed
    path = tmp_path_factory.mktemp("vendors") / "instruments.json.gz"
    with connect_vendors(config, Secret("sim-token"), path, simulator.world.clock.now) as connected:
        yield connected


def look(vendors: Vendors, simulator: RunningSimulator, folder: Path, tolerance: float = 0.005) -> IngestReport:
    with Store.open(folder, origin="simulated") as store:
        now = simulator.world.clock.now
        return ingest(store, lambda: vendors.history, IngestRequest([NIFTY], [indian_day(now())]), Calendar.default(),
                      SETTINGS, now, tolerance=Fraction(tolerance))  # fmt: skip


def test_the_chain_of_the_moment_is_stored_under_the_time_it_reports_with_its_source(
    vendors: Vendors, simulator: RunningSimulator, tmp_path: Path
) -> None:
    report = look(vendors, simulator, tmp_path)

    now = simulator.world.clock.now()
    assert report.gaps == []
    assert report.notes == []
    assert report.sources["nse"] > 50
    with Store.open(tmp_path, read_only=True) as store:
        stats = store.market_stats(NIFTY, 0, now + 1)
        chain = store.chain(NIFTY, 0, now + 1)
    assert len(stats) == 45
    assert not np.isnan(stats.pcr).any()
    whole = chain[chain.ts == chain.ts[-1]]
    assert len(np.unique(whole.strike)) > 50  # NSE's whole chain, not the few strikes of the candles


def test_the_next_vendor_is_asked_when_the_first_is_down_and_that_is_said(
    vendors: Vendors, simulator: RunningSimulator, tmp_path: Path
) -> None:
    faults = simulator.world.faults
    simulator.call(lambda: faults.add(Fault("nse", FaultKind.STATUS, status=503)))
    try:
        report = look(vendors, simulator, tmp_path)
    finally:
        simulator.call(faults.clear)

    assert "trendlyne" in report.sources
    assert any(note.startswith("trendlyne was asked instead: nse:") for note in report.notes)
    assert any(note.startswith("tradingview was asked instead: nse:") for note in report.notes)


def test_prices_that_are_apart_are_told(vendors: Vendors, simulator: RunningSimulator, tmp_path: Path) -> None:
    simulator.call(lambda: simulator.world.clock.step(90))

    report = look(vendors, simulator, tmp_path, tolerance=0.0)

    assert any("NIFTY: our last price" in note and "tradingview" in note for note in report.notes), report.notes


def test_a_chain_of_long_ago_is_left_out_and_that_is_said(
    vendors: Vendors, simulator: RunningSimulator, tmp_path: Path
) -> None:
    world = simulator.world
    simulator.call(lambda: world.faults.add(Fault("nse", FaultKind.STALE), world.clock.now()))
    simulator.call(lambda: world.clock.step(1_200))
    try:
        report = look(vendors, simulator, tmp_path)
    finally:
        simulator.call(world.faults.clear)

    assert "nse" not in report.sources
    assert any("option chain of NIFTY of nse is 2" in note and "left out" in note for note in report.notes)
