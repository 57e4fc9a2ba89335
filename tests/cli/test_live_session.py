"""One simulated session: an engine of somebody else's comes and goes, and what is there when it is over."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sos_actors.app.status_file import read_status
from sos_actors.cli.main import main
from sos_actors.engine.recording import decode_decision
from sos_actors.messages.status import SystemStatus
from sos_actors.messages.trading import PositionClosed
from sos_actors.runtime.journal_records import JournalReader, RecordKind
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from tests.bridge.bridges import check
from tests.bridge.contract_engine import Engine, Message, oi_minutes, recovered
from tests.cli.processes import HANG_S, Home, children_of
from tests.cli.sessions import is_open, live_words, news_of, trading_home, wait_for

KILLS = 20
MINUTE_MS = 60_000


@dataclass(slots=True)
class Session:
    """A run under way."""

    home: Home
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        status = news_of(self.home, self.process)
        assert status is not None
        return int(status.bridge.address.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Over:
    """The same when it is over."""

    home: Home
    returncode: int
    out: str
    told: str
    status: SystemStatus

    @property
    def journal(self) -> Path:
        return Path(self.status.kept.journal)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    home = trading_home(tmp_path_factory.mktemp("session") / "home")
    with open(home.folder / "told.txt", "w", encoding="utf-8") as told:
        process = home.start(*live_words(home, "--no-tui", "--until", "09:20"), told=told)
    with process:
        try:
            wait_for(lambda: is_open(home, process), process)
            yield Session(home, process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def over(session: Session) -> Over:
    out, _ = session.process.communicate(timeout=HANG_S)
    status = read_status(session.home.data)
    assert status is not None
    told = (session.home.folder / "told.txt").read_text(encoding="utf-8")
    return Over(session.home, session.process.returncode, out, told, status)


def test_while_it_runs_it_can_be_seen_and_no_other_can_begin(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = session.home
    monkeypatch.setenv("SOS_SECRETS", str(home.secrets))
    assert main([*home.config, "status"]) == 0
    assert capsys.readouterr().out.startswith(" SIMULATED  prices are invented, paper orders\n")
    assert main([*home.config, *live_words(home)]) == 1
    told = capsys.readouterr().err
    assert f"is at work on {home.data}" in told
    assert f"pid {session.process.pid}: `sos status` shows it, `sos stop` ends it." in told
    assert session.process.poll() is None


def candles(story: list[Message], symbol: str = "NIFTY") -> dict[int, object]:
    """The minutes of an index by when they closed, each told once, in order, and none left out from the first on."""
    told = [one for one in story if one["type"] == "MARKET_UPDATE" and one["data"]["symbol"] == symbol]
    closes = [one["timestamp"] for one in told]
    assert closes == [closes[0] + MINUTE_MS * number for number in range(len(closes))]
    return {one["timestamp"]: one["data"]["candle"] for one in told}


def test_an_engine_that_is_killed_twenty_times_always_has_the_whole_story(session: Session) -> None:
    stories: list[list[Message]] = []
    for number in range(KILLS):
        engine = Engine(session.port, "/?bars=today", timeout_s=30.0)
        if number % 4 == 3:
            engine.say('{"type": "NONSENSE"}')
            engine.say("{" * 10_000)
            assert [engine.hear_until("ERROR")["type"] for _ in range(2)] == ["ERROR"] * 2
        engine.hear_until("HEARTBEAT" if number % 2 else "INSTRUMENT_SYNC")  # or shot in the middle of its recovery
        engine.kill()
        stories.append(engine.heard)
    patient = Engine(session.port, "/?bars=today", timeout_s=60.0)
    patient.hear_until("OPTION_CHAIN_UPDATE")  # so that there is open interest to go on from
    patient.kill()
    stories.append(patient.heard)
    last = Engine(session.port, "/?bars=today", timeout_s=60.0)
    assert last.closing() == 1001
    last.kill()
    stories.append(last.heard)
    for story in stories:
        check(story)
        assert recovered(story) == story
        for symbol in ("NIFTY", "BANKNIFTY"):
            assert set(oi_minutes(story, symbol).values()) <= {1}
    whole = {symbol: candles(stories[-1], symbol) for symbol in ("NIFTY", "BANKNIFTY")}
    assert min(map(len, whole.values())) >= 2
    for story in stories:
        for symbol, all_of_them in whole.items():
            assert candles(story, symbol).items() <= all_of_them.items()
    kinds = {one["type"] for one in stories[-1]}
    assert kinds >= {"INSTRUMENT_SYNC", "BACKFILL_DATA", "MARKET_UPDATE", "SENTIMENT_UPDATE", "OPTION_CHAIN_UPDATE"}
    names = {one["symbol"] for one in stories[-1][0]["data"]["instruments"]}
    assert names >= {"NIFTY", "BANKNIFTY"}


def test_it_ends_in_order_with_the_summary_on_one_stream_and_the_log_on_the_other(over: Over) -> None:
    assert over.returncode == 0, over.told[-3000:]
    assert over.out.startswith(" SIMULATED  prices are invented, paper orders\n")
    assert f"\n  sos --config {over.home.folder}/sos.toml replay {over.journal}\n" in over.out
    assert "app.live: The run ends: it is 09:20.\n" in over.told
    assert "Traceback" not in over.told
    assert "Setting up:" not in over.told.partition("actors.feed_intake")[2], "progress goes on under the log"
    assert children_of(over.status.run.pid) == []


def test_every_trade_is_in_the_journal_in_the_store_and_in_the_summary(over: Over) -> None:
    records = JournalReader(over.journal).records()
    decided = [decode_decision(one.payload) for one in records if one.kind is RecordKind.DECISION]
    closed = [one for one in decided if isinstance(one, PositionClosed)]
    folder = over.journal.parent.parent
    stored = []
    for shard in sorted(folder.glob("sos_timeseries_*.db")):
        with sqlite3.connect(f"file:{shard}?mode=ro", uri=True) as base:
            stored += base.execute("SELECT instrument, quantity, entry_price, exit_price FROM trades").fetchall()
        base.close()
    assert stored == [(one.symbol, one.quantity, one.entry_price, one.exit_price) for one in closed]
    assert [(one.symbol, one.quantity, one.entry, one.exit) for one in over.status.trades] == stored
    assert len(stored) >= 1
    assert over.status.holds_nothing
    assert f"from {len(stored)} trade" in over.out


def test_its_replay_is_identical_and_parity_names_a_cause_for_every_difference(
    over: Over, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*over.home.config, "replay", str(over.journal)]) == 0
    assert "Identical: all" in capsys.readouterr().out
    assert main([*over.home.config, "parity", "2026-01-13", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["explained"] is True
    assert found["counts"]["unexplained"] == 0
    assert found["trades"] == len(over.status.trades)


def test_afterwards_the_status_says_that_nothing_runs(over: Over, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*over.home.config, "status"]) == 1
    told = capsys.readouterr().out
    assert told.startswith(f"Nothing runs on {over.home.data}: start it with `sos live`.\n")
    assert "takes it up again" not in told
    assert "did not end in order" not in told


def test_the_token_is_in_no_file_of_the_run(over: Over) -> None:
    found = [
        file for file in over.home.folder.rglob("*") if file.is_file() and FIRST_TOKEN.encode() in file.read_bytes()
    ]
    assert found == []
    assert FIRST_TOKEN not in over.out + over.told
