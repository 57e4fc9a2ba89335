"""A session that was begun today goes on as what it was, or not at all."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.live_building import Wishes, _check_same
from sos_actors.app.live_journal import JournaledDay, open_day
from sos_actors.app.live_place import Place
from sos_actors.config import Config
from sos_actors.errors import UsageError
from sos_actors.runtime.clock import AcceleratedClock
from sos_actors.store.database import Origin
from sos_actors.types import Secret, UnixNanos
from tests.app.journals import CONFIG, STRATEGIES, header_of
from tests.engine.markets import SECOND, minute


def place(folder: Path, config: Config = CONFIG, origin: Origin = "simulated") -> Place:
    clock = AcceleratedClock(UnixNanos(minute(SECOND, 0)), 1.0, 0)
    return Place(config, Secret(""), clock, SECOND, folder, origin, "simulator", [])


def opened(folder: Path) -> JournaledDay:
    return open_day(folder / "2026-01-13.sosj", header_of)


@pytest.fixture
def again(tmp_path: Path) -> JournaledDay:
    opened(tmp_path).writer.close()
    day = opened(tmp_path)
    day.writer.close()
    return day


def test_a_session_on_paper_never_goes_on_with_real_orders_nor_the_other_way(
    again: JournaledDay, tmp_path: Path
) -> None:
    _check_same(again, place(tmp_path), Wishes("paper", STRATEGIES, "two"))
    with pytest.raises(UsageError, match=r"begun with paper simulator simulated.*move .*sosj away"):
        _check_same(again, place(tmp_path), Wishes("upstox", STRATEGIES, "two"))
    with pytest.raises(UsageError, match="not with paper simulator real"):
        _check_same(again, place(tmp_path, origin="real"), Wishes("paper", STRATEGIES, "two"))


def test_a_new_session_is_whatever_it_is(tmp_path: Path) -> None:
    day = opened(tmp_path)
    _check_same(day, place(tmp_path), Wishes("upstox", STRATEGIES, "two"))
    day.writer.close()


def test_what_was_changed_since_it_began_and_does_not_count_is_said(
    again: JournaledDay, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(CONFIG, risk=replace(CONFIG.risk, max_trades_per_day=1))
    with caplog.at_level(logging.WARNING):
        _check_same(again, place(tmp_path, config), Wishes("paper", STRATEGIES[:1], "two"))
    said = " ".join(record.getMessage() for record in caplog.records)
    assert "risk.max_trades_per_day was 60 then, is 1 now" in said
    assert "strategies it was begun with" in said
