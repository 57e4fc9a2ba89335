"""The simulator as a process beside ours: started, asked, and ended whatever happens to us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from datetime import time as daytime

import pytest

from sos_actors.app.simulated import SimulatorProcess, address_settings, config_for
from sos_actors.config import Config
from sos_actors.errors import SosError, VendorUnreachableError
from sos_actors.simulator.moments import moment_of
from tests.simulator.quiet import ask

AT = moment_of(date(2026, 1, 13), daytime(10, 30))
ADDRESSES = {name: f"http://127.0.0.1:{port}" for port, name in enumerate(("upstox", "tradingview", "nse"), 1)}
PARENT = """
import sys, time
from sos_actors.app.simulated import SimulatorProcess
with SimulatorProcess(7, {at}, 0) as simulator:
    print(simulator.pid, simulator.addresses["control"], flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(7, AT, 0) as simulator:
        yield simulator


def test_it_serves_every_vendor_and_takes_a_token(simulator: SimulatorProcess) -> None:
    assert set(simulator.addresses) == {"upstox", "tradingview", "nse", "trendlyne", "control"}
    request = urllib.request.Request(
        f"{simulator.addresses['upstox']}/v2/user/profile",
        headers={"Authorization": f"Bearer {simulator.token.reveal()}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200
    assert not ask(f"{simulator.addresses['control']}/strictness").json()["rate_limits"]


def test_its_clock_is_asked_and_set(simulator: SimulatorProcess) -> None:
    assert simulator.clock() == AT
    simulator.set_clock(AT + 1_500_000_000)
    assert simulator.clock() == AT + 1_500_000_000
    simulator.set_clock(AT)
    with pytest.raises(VendorUnreachableError, match="outside the market's calendar"):
        simulator.set_clock(0)


def test_it_is_in_no_process_group_of_ours(simulator: SimulatorProcess) -> None:
    assert os.getsid(simulator.pid) == simulator.pid


def test_it_is_gone_at_the_end() -> None:
    threads = threading.active_count()
    with SimulatorProcess(7, AT) as simulator:
        pid, control = simulator.pid, simulator.addresses["control"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        ask(f"{control}/status")
    assert threading.active_count() == threads
    with pytest.raises(VendorUnreachableError, match="does not answer"):
        simulator.clock()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_does_not_outlive_a_parent(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(at=AT)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        control = parent.stdout.readline().split()[1]
        parent.send_signal(how)
        parent.wait(20)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            ask(f"{control}/status")
        except ConnectionError:
            return
        time.sleep(0.02)
    pytest.fail("it still answers")


def test_a_failed_start_shows_its_last_words() -> None:
    with pytest.raises(SosError, match=r"did not start. It said: sos: The script /nowhere.json cannot be read"):
        SimulatorProcess(7, AT, flags=["--script", "/nowhere.json"]).__enter__()


def test_a_slow_start_is_given_up() -> None:
    with pytest.raises(SosError, match=r"was not ready after 0.01 s"):
        SimulatorProcess(7, AT, start_s=0.01).__enter__()


def test_a_configuration_is_led_to_the_simulator() -> None:
    config = config_for(Config(), ADDRESSES)
    assert config.upstox.rest_url == config.upstox.order_url == "http://127.0.0.1:1"
    assert config.upstox.instruments_url == "http://127.0.0.1:1/market-quote/instruments/exchange/NSE.json.gz"
    assert config.tradingview.chart_url == "ws://127.0.0.1:2/socket.io/websocket"
    assert (config.nse.url, config.nse.min_gap_s) == ("http://127.0.0.1:3", 0.0)
    assert config.upstox.requests_per_half_hour >= 1_000_000
    assert config.trendlyne == Config().trendlyne
    assert config_for(Config(), {}) == Config()


def test_settings_are_those_of_the_vendors_that_are_there() -> None:
    assert address_settings({"trendlyne": "http://127.0.0.1:4", "control": "http://127.0.0.1:5"}) == {
        "trendlyne": {"url": "http://127.0.0.1:4/phoenix/api"}
    }
