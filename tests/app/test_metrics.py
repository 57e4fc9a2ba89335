"""The metrics endpoint: figures of the newest status, on loopback, gone when it is stopped."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sos_actors.app.metrics import Metrics
from sos_actors.errors import ConfigError
from sos_actors.messages.status import SystemStatus
from tests.app.statuses import bare_status, full_status, real_money

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def asked(metrics: Metrics) -> Figures:
    with urllib.request.urlopen(metrics.address, timeout=5) as answer:
        return read(answer.read().decode())


def generated(status: SystemStatus) -> str:
    return generate_latest(Metrics(lambda: status, 0).registry).decode()


def read(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(found: Figures, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def test_the_newest_status_is_served_each_time() -> None:
    newest: list[SystemStatus | None] = [None]
    with Metrics(lambda: newest[0], 0) as metrics:
        assert metrics.address.startswith("http://127.0.0.1:")
        assert asked(metrics) == {}
        newest[0] = full_status()
        found = asked(metrics)
        newest[0] = bare_status()
        assert figure(asked(metrics), "sos_positions") == 0
    assert figure(found, "sos_positions") == 1
    assert figure(found, "sos_day_net_inr") == 913.25
    assert figure(found, "sos_trading_open") == 0
    assert figure(found, "sos_latency_seconds", stage="published-decided", quantile="0.99") == pytest.approx(191.2e-6)
    assert figure(found, "sos_latency_count", stage="decided-sent") == 4
    assert figure(found, "sos_stall_seconds") == pytest.approx(430e-6)
    assert figure(found, "sos_actor_restarts", actor="mood") == 2
    assert figure(found, "sos_actor_running", actor="mood") == 0
    assert figure(found, "sos_signals", outcome="vetoed") == 9
    assert figure(found, "sos_feed_price_age_seconds") == 3


def test_a_figure_nobody_knows_is_left_out() -> None:
    found = read(generated(bare_status()))
    assert figure(found, "sos_memory_bytes") is None
    assert figure(found, "sos_stall_seconds") is None
    assert figure(found, "sos_threads") is None


def test_real_money_is_told_apart() -> None:
    assert figure(read(generated(real_money(bare_status()))), "sos_real_money") == 1
    assert figure(read(generated(bare_status())), "sos_real_money") == 0


def test_nobody_answers_after_the_stop_and_no_thread_is_left() -> None:
    before = threading.active_count()
    metrics = Metrics(bare_status, 0)
    metrics.start()
    address = metrics.address
    metrics.stop()
    metrics.stop()
    assert metrics.address == ""
    assert threading.active_count() == before
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(address, timeout=5)


def test_a_port_that_is_taken_is_said_with_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"status\.prometheus_port: 127\.0\.0\.1:{port} cannot be served"):
            Metrics(bare_status, port).start()
