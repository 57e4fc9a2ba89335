"""With a login: the real store, filled by the same clients from vendors at other addresses, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.board import DAY_NS, day_start
from sos_actors.app.credentials import UpstoxLogin, account_of, write_login
from sos_actors.cli.main import main
from sos_actors.config import load_config
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import indian_day, wall_time
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.faults import VENDORS, Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from sos_actors.simulator.world import Strictness, World
from sos_actors.store.database import Store
from sos_actors.types import Secret
from sos_actors.vendors.pacing import Backoff
from tests.app.ingest.sources import CALENDAR, session
from tests.app.ingest.stored_rows import assert_kept, stored_rows
from tests.cli.commands import minute_file
from tests.cli.processes import Home, Settings, new_home
from tests.simulator.markets import model_market, moment, small_world

NIFTY, RELIANCE = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE"
TUE, WED = date(2026, 1, 27), date(2026, 1, 28)
NOW = moment("2026-01-28 20:00")
SETTINGS: Settings = {
    "ingest": {"strikes_around": 1},
    "upstox": {"requests_per_second": 1000, "requests_per_minute": 10_000, "requests_per_half_hour": 10_000},
    "tradingview": {"timeout_s": 5.0},
}
INSTRUMENTS = "/market-quote/instruments/exchange/{name}"
HISTORY = "/v3/historical-candle/*"


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running(small_world("2026-01-28 20:00", rate_limits=False)) as served:
        yield served


@pytest.fixture
def vendors(simulator: RunningSimulator) -> Iterator[RunningSimulator]:
    """The vendors in good health."""
    yield simulator
    simulator.call(simulator.world.faults.clear)


@pytest.fixture
def home(tmp_path: Path, vendors: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A machine whose user is logged in, on which it is the vendors' time."""
    made = new_home(tmp_path, SETTINGS, vendors.addresses)
    log_in(made)
    monkeypatch.setenv("SOS_SECRETS", str(made.secrets))
    monkeypatch.setattr("sos_actors.app.filling.is_loopback", lambda _: False)  # these are the real vendors
    for module in ("app.filling", "cli.ingest"):
        monkeypatch.setattr(f"sos_actors.{module}.wall_time", lambda: NOW)
    return made


def log_in(home: Home, token: str = FIRST_TOKEN, expires: int = 0) -> None:
    account = account_of(load_config(home.folder / "sos.toml").upstox.rest_url)
    write_login(account, UpstoxLogin(token=Secret(token), expires=expires, user="SIM001"), home.secrets)


def ingest(home: Home, *words: str, day: date = WED) -> int:
    return main([*home.config, "ingest", "--from-date", str(day), "--to-date", str(day), *words])


def fault(vendors: RunningSimulator, vendor: str, kind: FaultKind, path: str = "*", status: int = 503) -> None:
    vendors.call(lambda: vendors.world.faults.add(Fault(vendor, kind, path, status=status), NOW))


def asked_for(vendors: RunningSimulator, path: str) -> int:
    return vendors.call(vendors.world.requests.counts).get("upstox", {}).get(path, 0)


def sources_of(home: Home, symbol: str, day: date) -> dict[str, int]:
    with Store.open(home.data, read_only=True) as store:
        return store.candle_sources(symbol, day_start(day), day_start(day) + DAY_NS)


def of_day(home: Home, symbol: str, day: date, folder: str = "") -> BarSeries:
    with Store.open(home.data / folder, read_only=True) as store:
        return store.candles(symbol, day_start(day), day_start(day) + DAY_NS)


def test_a_login_fills_the_real_store_and_nothing_else(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert ingest(home) == 0
    said = capsys.readouterr().out
    assert "SIMULATED" not in said
    assert said.splitlines()[-1] == "Nothing of these sessions is missing."
    with Store.open(home.data, read_only=True) as store:
        assert store.origin == "real"
    assert not (home.data / "simulated").exists()
    np.testing.assert_array_equal(of_day(home, NIFTY, WED).close, session(WED).candles(NIFTY).close)
    assert sources_of(home, NIFTY, WED) == {"upstox": 375}


def test_the_instrument_file_is_fetched_once_a_day(home: Home, vendors: RunningSimulator) -> None:
    before = asked_for(vendors, INSTRUMENTS)
    assert ingest(home, "--symbol", "RELIANCE") == 0
    assert ingest(home, "--symbol", "INFY") == 0
    assert asked_for(vendors, INSTRUMENTS) == before + 1


def test_a_login_that_has_ended_is_told_and_nothing_is_invented(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(home, expires=moment("2026-01-28 03:30"))
    assert ingest(home) == 1
    told = capsys.readouterr()
    assert "The token ended at 2026-01-28 03:30:00 in India. Run 'sos login', or add --simulated." in told.err
    assert not told.out
    assert not home.data.exists()


@pytest.mark.parametrize("token", [FIRST_TOKEN, "another-token"])
def test_a_token_upstox_refuses_leaves_gaps_and_the_next_run_fills_them(
    home: Home, vendors: RunningSimulator, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(home, token)
    if token == FIRST_TOKEN:
        fault(vendors, "upstox", FaultKind.TOKEN_EXPIRED)
    assert ingest(home) == 1
    said = capsys.readouterr().out
    (gap,) = [line for line in said.splitlines() if "options" in line]
    assert "the token is missing, wrong or expired" in gap
    assert "Run 'sos login'." in gap
    assert token not in said
    assert len(of_day(home, NIFTY, WED)) == 375  # candles of an index need no token
    rows = stored_rows(home.data)
    vendors.call(vendors.world.faults.clear)
    log_in(home)
    assert ingest(home) == 0
    assert_kept(rows, stored_rows(home.data))


def test_an_upstox_that_is_down_on_the_first_day_is_told(
    home: Home, vendors: RunningSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    fault(vendors, "upstox", FaultKind.REFUSE)
    assert ingest(home) == 1
    told = capsys.readouterr().err
    assert "sos: upstox: GET 127.0.0.1/market-quote/instruments/exchange/NSE.json.gz: the connection was" in told
    assert "Traceback" not in told


def test_the_chart_socket_stands_in_for_an_upstox_without_history_and_says_so(
    home: Home, vendors: RunningSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest(home, day=TUE) == 0
    rows = stored_rows(home.data)
    fault(vendors, "upstox", FaultKind.STATUS, HISTORY, 403)
    capsys.readouterr()
    assert ingest(home, "--symbol", "RELIANCE", "--symbol", "NIFTY", day=WED) == 1
    said = capsys.readouterr().out
    assert sources_of(home, NIFTY, WED) == {"tradingview": 375}
    assert sources_of(home, RELIANCE, WED) == {"tradingview": 375}
    np.testing.assert_array_equal(of_day(home, NIFTY, WED).close, session(WED).candles(NIFTY).close)
    assert "note: NIFTY came from tradingview: upstox: " in said
    assert "NIFTY options 2026-01-28: tradingview has no open interest of contracts. upstox: GET 127.0.0.1/v3/" in said
    assert_kept(rows, stored_rows(home.data))


def test_with_nobody_to_ask_every_gap_has_its_reason_and_nothing_is_lost(
    home: Home, vendors: RunningSimulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Backoff, "next", lambda _: 0.01)
    assert ingest(home, "--symbol", "RELIANCE", day=TUE) == 0
    rows = stored_rows(home.data)
    for vendor in VENDORS:
        fault(vendors, vendor, FaultKind.REFUSE)
    capsys.readouterr()
    assert ingest(home, "--symbol", "RELIANCE", "--symbol", "NIFTY") == 1
    said = capsys.readouterr().out
    for line in ("RELIANCE candles 2026-01-28: No candles: upstox: ", "NIFTY candles 2026-01-28: No candles: upstox: "):
        assert line in said
    assert "/socket.io/websocket cannot be reached" in said
    assert "NIFTY options 2026-01-28: its own candles are missing" in said
    assert "NIFTY breadth 2026-01-28: " in said
    assert stored_rows(home.data) == rows
    vendors.call(vendors.world.faults.clear)
    assert ingest(home, "--symbol", "RELIANCE", "--symbol", "NIFTY") == 0


def test_what_the_user_imported_stays_as_it_is(home: Home, tmp_path: Path) -> None:
    file = minute_file(tmp_path / "own.csv", str(WED), minutes=100)
    assert main([*home.config, "ingest", "--file", str(file), "--set", "symbol=RELIANCE"]) == 0
    own = stored_rows(home.data)
    assert len(own) == 100
    assert ingest(home, "--symbol", "RELIANCE") == 0
    assert_kept(own, stored_rows(home.data))
    assert sources_of(home, RELIANCE, WED) == {"own.csv": 100, "upstox": 275}


def test_expired_contracts_the_plan_does_not_include_are_a_gap_that_says_so(
    home: Home, vendors: RunningSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    vendors.call(lambda: setattr(vendors.world.strictness, "plus_plan", False))
    try:
        assert ingest(home, day=TUE) == 1
    finally:
        vendors.call(lambda: setattr(vendors.world.strictness, "plus_plan", True))
    assert "Expired contracts need the Upstox Plus plan." in capsys.readouterr().out


def test_a_run_of_strategies_fills_the_real_store_too(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*home.config, "backtest", "--symbol", "NIFTY", "--from-date", str(WED)]) == 0
    assert "SIMULATED" not in capsys.readouterr().out
    assert sources_of(home, NIFTY, WED) == {"upstox": 375}
    assert not (home.data / "simulated").exists()


def test_a_process_of_its_own_asks_at_the_walls_time(tmp_path: Path) -> None:
    now = wall_time()
    if not CALENDAR.first < indian_day(now) < CALENDAR.last:
        pytest.skip("the calendar does not know today")
    day = CALENDAR.previous_session(indian_day(now))
    world = World(model_market(), SimulatedClock(now), strictness=Strictness(rate_limits=False))
    with running(world) as vendors:
        home = new_home(tmp_path, SETTINGS, vendors.addresses)
        log_in(home)
        ended = home.run("ingest", "--from-date", str(day), "--to-date", str(day))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("SIMULATED DATA")  # its vendors are on this machine
    stored = of_day(home, NIFTY, day, "simulated/attached")
    np.testing.assert_array_equal(stored.close, session(day).candles(NIFTY).close)
