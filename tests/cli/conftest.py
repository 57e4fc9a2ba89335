"""Fixtures of the commands' tests: a trader at a terminal, and a simulated Upstox to log in at."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sos_actors.simulator.server import RunningSimulator, running
from tests.cli.desk import CODE, HUSH, STORED_TOKEN, Desk
from tests.simulator.markets import small_world


@pytest.fixture(scope="module")
def simulated_upstox() -> Iterator[RunningSimulator]:
    """On 13 January 2026 at 10:30."""
    with running(small_world("2026-01-13 10:30", rate_limits=False), ["upstox"]) as simulator:
        yield simulator


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Desk]:  # fmt: skip
    """After the test nothing that was printed or logged, at any level, holds a secret."""
    caplog.set_level(logging.DEBUG)
    desk = Desk(tmp_path, monkeypatch, capfd)
    yield desk
    kept = desk.kept().token.reveal() if desk.secrets.is_file() else ""
    for secret in filter(None, (HUSH, STORED_TOKEN, CODE, kept)):
        assert secret not in desk.told + caplog.text
