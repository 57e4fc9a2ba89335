"""`sos simulate`: what it says, how it ends, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from aiohttp import web
from freezegun import freeze_time

from sos_actors.cli import simulate
from sos_actors.cli.main import main
from sos_actors.config import load_config
from sos_actors.market.calendar import Calendar
from sos_actors.simulator.faults import VENDORS
from sos_actors.simulator.world import World
from tests.cli.commands import REPOSITORY, configured
from tests.simulator.quiet import make_app

COMMAND = [sys.executable, "-m", "sos_actors.cli", "simulate"]


@pytest.fixture
def ended_at_once(monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """Quiet vendors, and an end as soon as everything runs; the worlds served are noted."""
    worlds: list[World] = []

    def apps(world: World) -> dict[str, web.Application]:
        worlds.append(world)
        return {vendor: make_app(world) for vendor in VENDORS}

    status = simulate._status

    def end(world: World) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return status(world)

    monkeypatch.setattr(simulate, "make_apps", apps)
    monkeypatch.setattr(simulate, "_status", end)
    monkeypatch.setattr(simulate, "STATUS_EVERY_S", 0.01)
    return worlds


@pytest.fixture
def run(tmp_path: Path, ended_at_once: list[World]) -> Callable[..., World]:
    def run(*flags: str) -> World:
        assert main(["simulate", *configured(tmp_path), "--port", "0", "--date", "2026-01-13", *flags]) == 0
        return ended_at_once[-1]

    return run


def test_it_says_where_it_is_and_what_to_paste(
    run: Callable[..., World], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run("--at", "10:30", "--step", "--tunnel")
    said = capsys.readouterr()
    assert said.out.startswith("A simulated market (seed 7) at 2026-01-13 10:30:00, standing still.\n")
    assert "'sim-token'" in said.out
    assert "valid until 2026-01-14 03:30:00, the next simulated 03:30" in said.out
    assert "Save as sim.toml and use --config sim.toml." in said.out
    assert "data_dir/simulated/attached, never with real data" in said.out
    assert re.search(r"curl http://127.0.0.1:\d+/ lists what it takes", said.out)
    assert re.search(r"""curl -d '{"vendor": "nse".*}' http://127.0.0.1:\d+/faults""", said.out)
    assert re.search(r"https_proxy=http://127.0.0.1:\d+", said.out)
    assert said.err == "sos: 2026-01-13 10:30:00, standing still, 0 requests, 0 faults\n"
    pasted = said.out[said.out.index("[upstox]") : said.out.index("Its Upstox")]
    assert set(tomllib.loads(pasted)) == {"upstox", "tradingview", "nse", "trendlyne"}
    (tmp_path / "pasted.toml").write_text(pasted, encoding="utf-8")
    config = load_config(tmp_path / "pasted.toml")
    assert config.upstox.rest_url == config.upstox.order_url
    assert config.tradingview.chart_url.startswith("ws://127.0.0.1:")


@pytest.mark.parametrize(
    ("flags", "seed", "speed", "limited"),
    [((), 7, 1.0, True), (("--seed", "9", "--speed", "60", "--no-rate-limits"), 9, 60.0, False)],
)
def test_the_flags_make_the_world(
    run: Callable[..., World], flags: tuple[str, ...], seed: int, speed: float, limited: bool
) -> None:
    world = run(*flags)
    assert (world.seed, world.market.description) == (seed, f"seed {seed}")
    assert (world.clock.speed, world.strictness.rate_limits) == (speed, limited)


def test_a_script_is_followed(run: Callable[..., World], tmp_path: Path) -> None:
    script = tmp_path / "story.json"
    script.write_text('[{"at": "09:00", "speed": 60}]', encoding="utf-8")
    assert run("--step", "--script", str(script)).clock.speed == 60


def test_the_help_shows_a_script_the_control_port_and_the_tunnel(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--help"]) == 0
    said = capsys.readouterr().out
    assert '  [{"at": "10:05", "fault": {"vendor": "nse", "kind": "html", "times": 3}},\n' in said
    assert "first of 5 ports, a sixth with --tunnel" in " ".join(said.split())
    assert '"curl http://127.0.0.1:PORT/"' in said
    assert "https_proxy=http://127.0.0.1:PORT" in said
    assert max(map(len, said.splitlines())) <= 100


def test_without_a_store_there_is_nothing_to_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *configured(tmp_path), "--replay", "2026-01-13"]) == 2
    told = f"There is no store of your own in {tmp_path / 'data'}, so there is nothing to replay: bring a session in"
    assert told in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@freeze_time("2026-01-18 10:00:00")  # a Sunday
def test_without_a_date_it_begins_in_the_last_session() -> None:
    assert simulate._last_session(Calendar.default()) == date(2026, 1, 16)


@freeze_time("2031-01-18 10:00:00")
def test_a_machine_far_ahead_begins_in_the_last_session_the_calendar_knows() -> None:
    calendar = Calendar.default()
    assert calendar.is_session(simulate._last_session(calendar))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--date", "2026-01-17"], "--date 2026-01-17: 17 January 2026 is a Saturday"),
        (["--date", "2026-01-26"], "is a holiday: Republic Day"),
        (["--date", "2040-01-17"], "outside the calendar"),
        (["--date", "2026-01-13", "--replay", "2026-01-14"], "a replay begins in its own day"),
        (["--replay", "2026-01-17"], "--replay 2026-01-17: 17 January 2026 is a Saturday"),
        (["--at", "noon"], "not a time of day"),
        (["--speed", "-1"], "not a number from 0 to 100000"),
        (["--step", "--speed", "2"], "give one of them"),
        (["--port", "65533"], "a number up to 65530"),
        (["--seed", "-1"], "0 or more"),
        (["--script", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *configured(tmp_path), *flags]) == 2
    assert said in capsys.readouterr().err


def test_a_port_in_use_is_told(tmp_path: Path, ended_at_once: list[World], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert main(["simulate", *configured(tmp_path), "--date", "2026-01-13", "--port", str(number)]) == 2
    assert f"Port {number} (upstox) is in use" in capsys.readouterr().err
    assert ended_at_once


def started(*flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--date", "2026-01-13", "--port", "0", *flags],
        cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_ctrl_c_ends_it_cleanly() -> None:
    with started() as process:
        assert process.stdout is not None
        while not process.stdout.readline().endswith("Ctrl-C ends it.\n"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "sos: Stopped.\n")


def test_embedded_it_says_one_line_and_ends_with_its_input() -> None:
    with started("--embedded") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        rest, said = process.communicate("", timeout=20)
    assert set(ready["addresses"]) == {"upstox", "tradingview", "nse", "trendlyne", "control"}
    assert (ready["token"], ready["market"]) == ("sim-token", "seed 7")
    assert (process.returncode, rest, said) == (0, "", "")
