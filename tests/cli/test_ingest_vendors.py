"""`sos ingest` and `sos backtest` as processes of their own, through simulator, clients and store."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sos_actors.app.board import DAY_NS, day_start
from sos_actors.app.simulated import SimulatorProcess
from sos_actors.cli.main import main
from sos_actors.market.chain import smart_trend
from sos_actors.market.symbols import parse_contract_symbol
from sos_actors.messages.market import BarSeries
from sos_actors.store.columns import StatsColumns
from sos_actors.store.database import Store
from sos_actors.types import NANOS_PER_MINUTE, OptionType
from tests.app.ingest.sources import session
from tests.app.ingest.stored_rows import stored_rows
from tests.cli.processes import Home, new_home

NIFTY, RELIANCE = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE"
DAY, BEFORE = date(2026, 1, 27), date(2026, 1, 23)
ONE = ("ingest", "--symbol", "NIFTY", "--symbol", "RELIANCE", "--from-date", str(DAY), "--to-date", str(DAY))
SMALL = {"ingest": {"strikes_around": 2}}
RUN = ("backtest", "--symbol", "NIFTY", "--from-date", str(DAY))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, Any]]:
    """A fresh machine after one ingest, which no test changes; and what that said."""
    home = new_home(tmp_path_factory.mktemp("filled"), SMALL)
    return home, home.document(*ONE)


@pytest.fixture
def machine(filled: tuple[Home, dict[str, Any]], tmp_path: Path) -> Home:
    """A copy of the filled machine, to be changed."""
    home = new_home(tmp_path, SMALL)
    shutil.copytree(filled[0].data, home.data, copy_function=shutil.copy2)
    return home


def of_day(store: Store, symbol: str) -> BarSeries:
    return store.candles(symbol, day_start(DAY), day_start(DAY) + DAY_NS)


def stats_of(home: Home) -> StatsColumns:
    with Store.open(home.simulated, read_only=True) as store:
        return store.market_stats(NIFTY, day_start(DAY), day_start(DAY) + DAY_NS)


def test_a_fresh_machine_is_filled_and_told_where_it_came_from(filled: tuple[Home, dict[str, Any]]) -> None:
    home, told = filled
    assert told["simulated"]
    assert told["folder"] == str(home.simulated)
    assert told["sessions"] == [str(DAY)]
    assert told["gaps"] == []
    assert told["rows"]["candles"] == 750
    assert set(told["sources"]) == {"upstox", "upstox candles"}
    assert {(part["symbol"], part["what"]) for part in told["whole"]} == {
        (NIFTY, "candles"), (NIFTY, "options"), (NIFTY, "breadth"), (RELIANCE, "candles"),
    }  # fmt: skip
    assert not list(home.data.glob("*.db")), "simulated data among the real"


def test_what_is_stored_is_what_the_model_says(filled: tuple[Home, dict[str, Any]]) -> None:
    model = session(DAY)
    contracts = model.option_candles("NIFTY")
    with Store.open(filled[0].simulated, read_only=True) as store:
        held = [symbol for symbol, data in store.contracts(NIFTY, DAY).items() if data.candles]
        assert len(held) >= 8
        for symbol in (NIFTY, RELIANCE, *held):
            right = contracts[symbol] if symbol in held else model.candles(symbol)
            stored = of_day(store, symbol)
            for name in BarSeries.__dataclass_fields__:
                np.testing.assert_array_equal(getattr(stored, name), getattr(right, name), err_msg=f"{symbol} {name}")


def test_the_money_lies_within_the_stored_strikes(filled: tuple[Home, dict[str, Any]]) -> None:
    with Store.open(filled[0].simulated, read_only=True) as store:
        bars, strikes = of_day(store, NIFTY), sorted({strike for strike, _ in columns_of(store)})
    assert sum(strike < bars.low.min() for strike in strikes) == 2
    assert sum(strike > bars.high.max() for strike in strikes) == 2


def test_the_breadth_is_the_simulated_exchanges_own(filled: tuple[Home, dict[str, Any]]) -> None:
    stats, right = stats_of(filled[0]), session(DAY).breadth()
    np.testing.assert_array_equal(stats.ts, right.ts)
    np.testing.assert_array_equal(stats.advances, right.advances)
    np.testing.assert_array_equal(stats.declines, right.declines)


def columns_of(store: Store) -> dict[tuple[float, OptionType], tuple[list[float], float]]:
    """Open interest of every stored contract at each minute's close, and at the end of the session before."""
    minutes = of_day(store, NIFTY).ts.tolist()
    yesterday = session(BEFORE).option_candles("NIFTY", DAY)
    found = {}
    for symbol, data in store.contracts(NIFTY, DAY).items():
        spec, bars = parse_contract_symbol(symbol), of_day(store, symbol)
        if not data.candles or spec.strike is None or spec.option_type is None:
            continue
        before = yesterday.get(symbol)
        last = float(before.oi[-1]) if before is not None and len(before) else float("nan")
        traded = dict(zip(bars.ts.tolist(), bars.oi.tolist(), strict=True))
        held, column = last, []
        for minute in minutes:
            held = traded.get(minute, held)
            column.append(held)
        found[spec.strike, spec.option_type] = column, last
    return found


def test_the_measures_are_those_of_the_stored_contracts(filled: tuple[Home, dict[str, Any]]) -> None:
    stats = stats_of(filled[0])
    with Store.open(filled[0].simulated, read_only=True) as store:
        columns, spot = columns_of(store), of_day(store, NIFTY).close
    calls = {strike: one for (strike, kind), one in columns.items() if kind is OptionType.CE}
    puts = {strike: one for (strike, kind), one in columns.items() if kind is OptionType.PE}
    total: list[float] = []
    for row in range(0, 375):
        ce = {strike: column[row] for strike, (column, _) in calls.items() if column[row] == column[row]}
        pe = {strike: column[row] for strike, (column, _) in puts.items() if column[row] == column[row]}
        assert stats.pcr[row] == pytest.approx(sum(pe.values()) / sum(ce.values()))
        total.append(sum(ce.values()) + sum(pe.values()))
        assert stats.total_oi[row] == pytest.approx(total[row])
        assert stats.ce_oi_change[row] == pytest.approx(_changes(calls, row))
        assert stats.pe_oi_change[row] == pytest.approx(_changes(puts, row))
        assert stats.oi_wall_above[row] == max((s for s in ce if s > spot[row]), key=lambda s: (ce[s], -s))
        assert stats.oi_wall_below[row] == max((s for s in pe if s < spot[row]), key=lambda s: (pe[s], s))
        strikes = sorted({*ce, *pe})
        pain = {k: sum(ce.get(s, 0) * max(0, k - s) + pe.get(s, 0) * max(0, s - k) for s in strikes) for k in strikes}
        assert stats.max_pain[row] == min(strikes, key=lambda k: (pain[k], k))
        if row >= 15:
            oi_change, change = total[row] / total[row - 12] - 1, float(spot[row] / spot[row - 12] - 1)
            assert stats.smart_trend[row] == smart_trend(change, oi_change)
        if row >= 5:
            assert stats.pcr_velocity[row] == pytest.approx((stats.pcr[row] - stats.pcr[row - 4]) / 4, abs=1e-12)
    np.testing.assert_array_equal(stats.spot, spot)


def _changes(side: dict[float, tuple[list[float], float]], row: int) -> float:
    return sum(column[row] - before for column, before in side.values() if column[row] - before == column[row] - before)


def test_the_second_run_asks_nobody(machine: Home) -> None:
    rows = stored_rows(machine.simulated)
    told = machine.document(*ONE)
    assert told["requests"] == 0
    assert told["rows"] == {}
    assert told["skipped"] == 4
    assert stored_rows(machine.simulated) == rows
    assert "Nothing of these sessions is missing." in machine.run(*ONE).stdout


def test_nothing_to_do_starts_no_simulator(
    machine: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: SimulatorProcess) -> SimulatorProcess:
        raise AssertionError("a simulator is started")

    monkeypatch.setattr(SimulatorProcess, "__enter__", refuse)
    assert main([*machine.config, *ONE]) == 0
    assert main([*machine.config, "backtest", "--symbol", "NIFTY", "--from-date", str(DAY), "--no-backfill"]) == 1
    assert "lacks 10 of the sessions before them, which warm up the indicators." in capsys.readouterr().err


def test_force_asks_again_and_puts_right_what_was_changed(machine: Home) -> None:
    rows = stored_rows(machine.simulated)
    with Store.open(machine.simulated) as store:
        bars = of_day(store, RELIANCE)[slice(0, 3)]
        store.add_candles(RELIANCE, replace(bars, open=bars.high, low=bars.high, close=bars.high), "by hand")
    assert stored_rows(machine.simulated) != rows
    assert machine.document(*ONE)["requests"] == 0
    told = machine.document(*ONE, "--force")
    assert told["requests"] > 50
    assert told["gaps"] == []
    assert stored_rows(machine.simulated) == rows


def test_full_options_bring_every_strike_and_minute(machine: Home) -> None:
    some = stored_rows(machine.simulated)
    told = machine.document("ingest", "--from-date", str(DAY), "--to-date", str(DAY), "--full-options")
    assert told["gaps"] == []
    assert [part["what"] for part in told["whole"]] == ["options_full"]
    with Store.open(machine.simulated, read_only=True) as store:
        chain = store.chain(NIFTY, day_start(DAY), day_start(DAY) + DAY_NS)
        assert len(np.unique(chain.ts)) == 375
        assert set(np.diff(np.unique(chain.ts))) == {NANOS_PER_MINUTE}
        held = {symbol for symbol, data in store.contracts(NIFTY, DAY).items() if data.candles}
        listed = session(DAY).option_candles("NIFTY")
        assert {symbol for symbol, bars in listed.items() if len(bars)} <= held
    assert some.keys() < stored_rows(machine.simulated).keys()
    assert machine.document(*ONE)["requests"] == 0, "whoever has all has some"


def test_the_summary_can_be_read(machine: Home) -> None:
    ended = machine.run("ingest", "--symbol", "INFY", "--from-date", str(DAY), "--to-date", "2026-01-28")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("SIMULATED DATA:")
    assert lines[1] == f"INFY, 2026-01-27 to 2026-01-28, 2 sessions, into {machine.simulated}"
    assert lines[-1] == "Nothing of these sessions is missing."
    assert "          750  candles" in lines


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from-date", "2026-01-26", "--to-date", "2026-01-26"], "There is no trading session from Mon 2026-01-26"),
        (["--symbol", "BANKNFTY"], "BANKNIFTY"),
        (["--symbol", "RELIANC", "--from-date", "2026-01-27"], "RELIANCE"),
        (["--symbol", "NIFTY 25600 CE 13 JAN 26"], "Give its underlying"),
        (["--from-date", "2026-13-01"], "2026-13-01"),
    ],
)
def test_what_cannot_be_asked_is_told_before_anything_is_made(
    tmp_path: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    home = new_home(tmp_path)
    assert main([*home.config, "ingest", *words]) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert not said.out
    assert not home.data.exists()


def test_a_day_no_table_covers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = new_home(tmp_path)
    assert main([*home.config, "ingest", "--from-date", "2005-03-01", "--to-date", "2005-03-01"]) == 1
    assert "2005" in capsys.readouterr().err


def test_a_day_to_come_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = new_home(tmp_path)
    assert main([*home.config, "ingest", "--from-date", "2199-01-01"]) == 2
    assert "still to come" in capsys.readouterr().err


def test_a_run_fills_what_it_lacks_by_itself_and_then_needs_nobody(machine: Home) -> None:
    ended = machine.run(*RUN, "--json")
    assert ended.returncode == 0, ended.stderr
    again = machine.run(*RUN, "--json", "--no-backfill")
    assert again.returncode == 0, again.stderr
    assert again.stdout == ended.stdout
    with Store.open(machine.simulated, read_only=True) as store:
        assert len(store.candle_days(NIFTY)) == 11  # the warm-up of ten sessions came too


def test_without_backfill_an_empty_machine_lists_what_is_missing(tmp_path: Path) -> None:
    ended = new_home(tmp_path).run(*RUN, "--to-date", "2026-01-28", "--no-backfill")
    assert ended.returncode == 1
    assert "lacks 2 of the sessions asked for: 2026-01-27, 2026-01-28; and 10 of the sessions before" in ended.stderr
    assert not ended.stdout
