"""Vendors in processes of their own answer as their clients do; what goes wrong there is a vendor's error here."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sos_actors.app.remote_sources import RemoteSources, remote_sources
from sos_actors.app.simulated import config_for
from sos_actors.app.worker_vendors import PROCESS_OF, Part, Question, VendorDesk, WorkerVendors
from sos_actors.config import Config
from sos_actors.errors import (
    ActorDownError,
    ActorTimeoutError,
    UnknownSymbolError,
    VendorBusyError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.runtime.clock import AcceleratedClock, indian_day
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Secret, UnixNanos
from tests.simulator.markets import moment, small_world
from tests.vendors.bench import Bench, bench

NIFTY, RELIANCE = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE"
NOW = UnixNanos(moment("2026-01-13 10:30:20"))
CLOCK = AcceleratedClock.starting(NOW, 0.001)


class FakeWorker:
    """Answers with its desk's token and the question, or raises."""

    def __init__(self, name: str, desk: VendorDesk) -> None:
        self.name, self.desk = name, desk
        self.error: Exception | None = None
        self.state = "made"

    def ask(self, request: Question, timeout_s: float) -> Any:
        if self.error is not None:
            raise self.error
        return self.name, self.desk.token.reveal(), request, timeout_s

    def start(self) -> None:
        self.state = "started"

    def stop(self, timeout_s: float = 2.0) -> bool:
        self.state = f"stopped {timeout_s}"
        return True


class Desk:
    def __init__(self) -> None:
        self.made: list[FakeWorker] = []
        self.vendors = WorkerVendors(Config(), Secret("first"), Path("none"), CLOCK, self.make)

    def make(self, name: str, desk: VendorDesk) -> FakeWorker:
        self.made.append(FakeWorker(name, desk))
        return self.made[-1]


def test_each_kind_of_question_goes_to_its_own_process() -> None:
    desk = Desk()
    assert [worker.name for worker in desk.made] == ["mood", "screener", "candles"]
    for part, name in PROCESS_OF.items():
        question = Question(part, "nse", "chain")
        assert desk.vendors.ask(question, 3.0) == (name, "first", question, 3.0)


@pytest.mark.parametrize("error", [ActorTimeoutError("too long."), ActorDownError("it died.")])
def test_a_process_that_does_not_answer_is_a_vendor_out_of_reach(error: Exception) -> None:
    desk = Desk()
    desk.made[0].error = error
    with pytest.raises(VendorUnreachableError, match=f"nse: its process did not answer: {error}"):
        desk.vendors.ask(Question(Part.CHAIN, "nse", "chain"), 1.0)


def test_a_new_token_means_new_processes() -> None:
    desk = Desk()
    desk.vendors.new_token(Secret("second"))
    assert [worker.state for worker in desk.made] == ["stopped 0.0"] * 3 + ["started"] * 3
    assert desk.vendors.ask(Question(Part.CANDLES, "upstox", "candles"), 1.0)[1] == "second"
    assert desk.vendors.stop()


def test_what_a_process_is_made_from_can_be_sent_and_tells_no_secret() -> None:
    desk = VendorDesk(Config(), Secret("token-8471"), Path("instruments"), CLOCK)
    again = pickle.loads(pickle.dumps(desk))
    assert (again.config, again.token.reveal(), again.now()) == (desk.config, "token-8471", pytest.approx(CLOCK()))
    assert "8471" not in repr(desk)


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    world = small_world("2026-01-13 10:30:20", rate_limits=False, nse_cookies=False)
    with bench(world, ("upstox", "nse", "tradingview", "trendlyne")) as running:
        yield running


@pytest.fixture(scope="module")
def vendors(served: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerVendors]:
    config = config_for(Config.default(), served.served.addresses)
    config = replace(config, tradingview=replace(config.tradingview, timeout_s=30.0),
                     nse=replace(config.nse, rest_after_block_s=0.0))  # fmt: skip
    path = tmp_path_factory.mktemp("worker") / "instruments.json.gz"
    workers = WorkerVendors(config, Secret(FIRST_TOKEN), path, CLOCK)
    workers.start()
    yield workers
    workers.stop()


@pytest.fixture(scope="module")
def sources(vendors: WorkerVendors) -> RemoteSources:
    return remote_sources(vendors, Config().trust)


def test_every_port_answers_across_processes(served: Bench, sources: RemoteSources) -> None:
    for source in sources.chains:
        chain = source.chain("NIFTY")
        assert (chain.source, chain.underlying) == (source.name, NIFTY)
        assert len(chain) > 20
    assert sources.breadth[0].breadth().universe == "NIFTY 50"
    today = indian_day(NOW)
    for candles in sources.candles:
        bars = candles.candles(RELIANCE, today, today)
        assert bars.ts[0] == moment("2026-01-13 09:15"), candles.name
        assert bars.ts[-1] + NANOS_PER_MINUTE <= NOW + NANOS_PER_SECOND
        assert np.isfinite(bars.close).all()
    assert sources.screener.scan().ts_event >= NOW
    price, _ = sources.prices.prices([RELIANCE])[RELIANCE]
    assert price > 0
    assert served.world.clock.now() == NOW


def test_a_vendors_error_comes_through_as_itself(served: Bench, sources: RemoteSources) -> None:
    with served.fault(Fault("nse", FaultKind.STATUS, status=503)), pytest.raises(VendorBusyError) as told:
        sources.chains[0].chain("NIFTY")
    assert (told.value.vendor, told.value.code) == ("nse", "503")
    with served.fault(Fault("nse", FaultKind.STATUS, status=403)), pytest.raises(VendorRefusedError):
        sources.chains[0].chain("NIFTY")
    with pytest.raises(UnknownSymbolError):
        sources.candles[0].candles("NSE|EQ|NOSUCH", indian_day(NOW), indian_day(NOW))
    assert sources.chains[0].chain("NIFTY").source == "nse"
