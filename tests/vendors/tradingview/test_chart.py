from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from random import Random
from typing import Any

import numpy as np
import pytest

from sos_actors.config import Tradingview
from sos_actors.errors import (
    UnknownSymbolError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.runtime.clock import indian_day
from sos_actors.types import NANOS_PER_SECOND, UnixNanos
from sos_actors.vendors.tradingview.chart import TradingViewChart
from tests.vendors.tradingview.chart_server import Answer, Chart, bars, charting, event, frame

DAY = date(2026, 1, 21)
OPEN = 1_768_967_100  # 21 January 2026, 09:15 in India
NIFTY = "NSE|INDEX|NIFTY"
YESTERDAY = OPEN - 86_400


def minutes(count: int, first: int = OPEN, volume: float | None = 10.0) -> list[list[float]]:
    tail = [] if volume is None else [volume]
    return [[first + 60.0 * n, 100.0 + n, 102.0 + n, 99.0 + n, 101.0 + n, *tail] for n in range(count)]


@contextmanager
def chart(
    answer: Answer, now: float = OPEN + 86_400, timeout_s: float = 0.3, status: int = 101
) -> Iterator[tuple[TradingViewChart, Chart, list[float]]]:
    naps: list[float] = []
    with (
        charting(answer, status) as server,
        TradingViewChart(
            Tradingview(chart_url=server.url, timeout_s=timeout_s),
            clock=lambda: UnixNanos(int(now * NANOS_PER_SECOND)),
            sleep=naps.append,
            rng=Random(1),
        ) as client,
    ):
        yield client, server, naps


def giving(
    rows: Callable[[str], Sequence[Sequence[float]]], mode: str = "streaming", ahead: str = "", **more: str
) -> Answer:
    """Everything of a ticker in one message."""
    tickers: dict[str, str] = {}

    def answer(name: str, parameters: list[Any]) -> list[str]:
        if name == "resolve_symbol":
            tickers[parameters[1]] = parameters[2].split('"')[3]
        if name != "create_series":
            return []
        session, series, turn, symbol = parameters[:4]
        done = event("series_completed", session, series, mode, turn, {"rt_update_period": 5, **more})
        return [
            ahead
            + event("series_loading", session, series, turn)
            + event("symbol_resolved", session, symbol, {"name": "x", "description": "₹ 😀"})
            + event("timescale_update", session, bars(series, rows(tickers[symbol])), {"index": 0})
            + done
        ]

    return answer


ENDS = {"data_completed": "limit"}


def test_candles_come_as_columns_with_heartbeats_answered_on_the_way() -> None:
    with chart(giving(lambda _: minutes(3), ahead=frame("~h~7"), **ENDS)) as (client, server, _):
        found = client.candles("NSE|EQ|M&M", DAY, DAY)
        assert len(client.candles("NSE|EQ|TCS", DAY, DAY)) == 3
    assert found.ts.tolist() == [(OPEN + 60 * n) * NANOS_PER_SECOND for n in range(3)]
    assert found.open.tolist() == [100, 101, 102]
    assert found.close.tolist() == [101, 102, 103]
    assert found.volume.tolist() == [10, 10, 10]
    assert np.isnan(found.oi).all()
    assert server.connections == 1
    assert server.origins == ["https://www.tradingview.com"]
    assert server.beats == ["~h~7", "~h~7"]
    assert server.asked("set_auth_token") == [["unauthorized_user_token"]]
    first, second = server.asked("resolve_symbol")
    assert first[2] == '={"symbol":"NSE:M_M","adjustment":"splits","session":"regular"}'
    assert first[0] == second[0]  # one chart session, many series
    assert first[1] != second[1]
    assert [parameters[1] for parameters in server.asked("remove_series")] == ["sds_1", "sds_2"]


def test_bars_of_other_days_and_those_not_complete_are_left_out() -> None:
    rows = minutes(2, YESTERDAY) + minutes(5)
    with chart(giving(lambda _: rows, **ENDS), now=OPEN + 4 * 60 + 30) as (client, _, _):
        assert len(client.candles(NIFTY, DAY, DAY)) == 4
        assert len(client.candles(NIFTY, date(2026, 1, 20), DAY)) == 6
        assert len(client.candles(NIFTY, date(2026, 1, 20), date(2026, 1, 20))) == 2
        assert len(client.candles(NIFTY, date(2026, 1, 22), date(2026, 1, 23))) == 0


@pytest.mark.parametrize(("mode", "late_s", "kept"), [
    ("streaming", 60.0, 4), ("streaming", 1260.0, 5), ("delayed_streaming_900", 900.0, 4),
    ("delayed_streaming_900", 1260.0, 5),
])  # fmt: skip
def test_the_newest_bar_counts_only_when_it_can_no_longer_change(mode: str, late_s: float, kept: int) -> None:
    answer = giving(lambda _: minutes(5), mode, **ENDS)
    with chart(answer, now=OPEN + 5 * 60 + late_s) as (client, _, _):
        assert len(client.candles(NIFTY, DAY, DAY)) == kept


def test_older_bars_are_asked_for_until_the_days_are_covered_or_there_are_none() -> None:
    older = [minutes(4, YESTERDAY), minutes(2, YESTERDAY - 86_400)]

    def answer(name: str, parameters: list[Any]) -> list[str]:
        if name == "request_more_data":
            session, series, _ = parameters
            done = event("series_completed", session, series, "streaming", "s1", {})
            return [event("timescale_update", session, bars(series, older.pop(0) if older else []), {}), done]
        return newest(name, parameters)  # type: ignore[return-value]

    newest = giving(lambda _: minutes(3))
    with chart(answer) as (client, server, _):
        assert len(client.candles(NIFTY, date(2026, 1, 20), DAY)) == 7
        assert [parameters[2] for parameters in server.asked("request_more_data")] == [5000, 5000]
        assert len(client.candles(NIFTY, date(2026, 1, 1), DAY)) == 3  # the server has no more


def test_the_oldest_day_of_as_many_bars_as_are_served_may_be_cut_off_and_is_left_out() -> None:
    rows = minutes(4998, YESTERDAY - 4998 * 60) + minutes(2)
    with chart(giving(lambda _: rows, **ENDS)) as (client, _, _):
        found = client.candles(NIFTY, date(2026, 1, 10), DAY)
    assert indian_day(int(found.ts[0])) == date(2026, 1, 17)
    assert indian_day((OPEN - 86_400 - 4998 * 60) * NANOS_PER_SECOND) == date(2026, 1, 16)


def test_a_reach_nobody_is_served_is_refused_unasked() -> None:
    with chart(giving(lambda _: [])) as (client, server, _):
        with pytest.raises(VendorAnswerError, match="further back than minutes of NSE:NIFTY are served"):
            client.candles(NIFTY, date(2024, 1, 1), DAY)
        assert server.connections == 0


def volumes(ticker: str) -> list[list[float]]:
    return minutes(2, OPEN + 60, 75.0) if ticker == "NSE:NIFTY1!" else minutes(3, volume=None)


def test_an_index_without_volume_gets_that_of_its_front_future_only_when_asked() -> None:
    with chart(giving(volumes, **ENDS)) as (client, server, _):
        plain = client.candles(NIFTY, DAY, DAY)
        asked = client.candles(NIFTY, DAY, DAY, volume_from_future=True)
        assert np.isnan(plain.volume).all()
        assert np.isnan(asked.volume).tolist() == [True, False, False]
        assert asked.volume[1:].tolist() == [75.0, 75.0]
        assert asked.close.tolist() == plain.close.tolist()
        assert len(client.candles("NSE|INDEX|INDIA VIX", DAY, DAY, volume_from_future=True)) == 3
    assert '"NSE:INDIAVIX"' in server.asked("resolve_symbol")[-1][2]


def test_a_future_that_is_not_given_leaves_the_volume_unknown() -> None:
    def answer(name: str, parameters: list[Any]) -> Sequence[str | bytes]:
        if name == "create_series" and parameters[1] == "sds_2":
            return [event("symbol_error", parameters[0], parameters[3], "permission denied", "group", "nse")]
        return index(name, parameters)

    index = giving(lambda _: minutes(3, volume=0.0), **ENDS)
    with chart(answer) as (client, _, _):
        assert np.isnan(client.candles(NIFTY, DAY, DAY, volume_from_future=True).volume).all()


def told(*messages: str | bytes) -> Answer:
    """These messages instead of a series; ``cs``, ``sds_1`` and ``sym_1`` stand for what the client called them."""

    def answer(name: str, parameters: list[Any]) -> list[str | bytes]:
        if name != "create_series":
            return []
        return [
            message if isinstance(message, bytes) else message.replace("cs_xxxxxxxxxxxx", parameters[0])
            for message in messages
        ]

    return answer


CS = "cs_xxxxxxxxxxxx"


def update(*row: float | str | None) -> str:
    return event("timescale_update", CS, bars("sds_1", [row]), {})  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (told(event("symbol_error", CS, "sym_1", "invalid symbol")), UnknownSymbolError, "lists no NSE:NIFTY"),
        (told(event("symbol_error", CS, "sym_1", "permission denied", "group", "x")), VendorRefusedError,
         "permission denied group x"),
        (told(event("series_error", CS, "sds_1", "s1", "unsupported resolution: NSE:NIFTY, 1")), VendorAnswerError,
         "has no minutes: series_error unsupported resolution"),
        (told(event("critical_error", CS, "x", "no such session")), VendorAnswerError, "critical_error"),
        (told(event("protocol_error", "wrong data")), VendorAnswerError, "protocol_error wrong data"),
        (told("<html></html>"), VendorAnswerError, "no frame: '<html></html>'"),
        (told("~m~50~m~{}"), VendorAnswerError, "cut off"),
        (told(frame("no json")), VendorAnswerError, "no JSON"),
        (told(frame("[1]")), VendorAnswerError, "JSON that is no object"),
        (told(b"bytes"), VendorAnswerError, "bytes where text belongs"),
        (told(update(OPEN, 100, 102, 99, None)), VendorAnswerError, "a bar without its five numbers"),
        (told(update(OPEN, 100, 102)), VendorAnswerError, "a bar without its five numbers"),
        (told(update(OPEN, 100, 98, 99, 98.5)), VendorAnswerError, "an impossible bar"),
        (told(update(OPEN + 1, 100, 102, 99, 101)), VendorAnswerError, "an impossible bar"),
        (told(event("timescale_update", CS, {"sds_1": {"s": 7}}, {})), VendorAnswerError, "a series without bars"),
        (told(b""), VendorUnreachableError, "cannot be reached|has ended"),
        (told(), VendorUnreachableError, "did not answer within 0.3 s|no complete answer"),
    ],
)  # fmt: skip
def test_what_is_no_series_is_an_error_that_says_so(answer: Answer, kind: type[Exception], text: str) -> None:
    with chart(answer) as (client, _, _):
        with pytest.raises(kind, match=text) as caught:
            client.candles(NIFTY, DAY, DAY)
        assert type(caught.value) is kind


@pytest.mark.parametrize(("status", "kind"), [
    (429, VendorBusyError), (503, VendorBusyError), (403, VendorRefusedError), (302, VendorAnswerError),
    (404, VendorAnswerError),
])  # fmt: skip
def test_a_refused_handshake_says_which(status: int, kind: type[VendorError]) -> None:
    with chart(told(), status=status) as (client, server, _):
        with pytest.raises(kind, match=f"HTTP {status}") as caught:
            client.candles(NIFTY, DAY, DAY)
        assert caught.value.code == str(status)
        assert server.connections == 1


def test_failures_space_out_new_connections_and_success_ends_that() -> None:
    answers: list[Answer] = [told(b""), told(b""), giving(lambda _: minutes(3), **ENDS)]

    def answer(name: str, parameters: list[Any]) -> Sequence[str | bytes]:
        return (answers.pop(0) if name == "create_series" and len(answers) > 1 else answers[0])(name, parameters)

    with chart(answer) as (client, server, naps):
        for _ in range(2):
            with pytest.raises(VendorUnreachableError):
                client.candles(NIFTY, DAY, DAY)
        answers[0]("resolve_symbol", ["", "sym_1", '={"symbol":"NSE:NIFTY"}'])
        assert len(client.candles(NIFTY, DAY, DAY)) == 3
        client.close()
        client.candles(NIFTY, DAY, DAY)
        assert server.connections == 4
    assert len(naps) == 2
    assert 0.5 <= naps[0] <= 1.0 <= naps[1] <= 2.0


def test_a_connection_that_died_unnoticed_is_replaced_once() -> None:
    good = giving(lambda _: minutes(3), **ENDS)
    hang_up = iter([False, True, False])

    def answer(name: str, parameters: list[Any]) -> Sequence[str | bytes]:
        return [b""] if name == "create_series" and next(hang_up) else good(name, parameters)

    with chart(answer) as (client, server, _):
        assert len(client.candles(NIFTY, DAY, DAY)) == len(client.candles(NIFTY, DAY, DAY)) == 3
        assert server.connections == 2


def test_a_symbol_nobody_lists_keeps_the_connection() -> None:
    good = giving(lambda _: minutes(3), **ENDS)

    def answer(name: str, parameters: list[Any]) -> Sequence[str | bytes]:
        if name == "create_series" and parameters[1] in ("sds_1", "sds_2"):
            word = "invalid symbol" if parameters[1] == "sds_1" else "permission denied"
            return [event("symbol_error", parameters[0], parameters[3], word)
                    + event("series_error", parameters[0], parameters[1], "s1", "resolve error")]  # fmt: skip
        return good(name, parameters)

    with chart(answer) as (client, server, naps):
        with pytest.raises(UnknownSymbolError):
            client.candles(NIFTY, DAY, DAY)
        with pytest.raises(VendorRefusedError):
            client.candles(NIFTY, DAY, DAY)
        assert len(client.candles(NIFTY, DAY, DAY)) == 3
    assert (server.connections, naps) == (1, [])


def test_endless_chatter_is_given_up() -> None:
    chatter = told(*[event("du", CS, bars("sds_9", minutes(1)))] * 3)
    with chart(chatter, timeout_s=0.1) as (client, _, _), pytest.raises(VendorUnreachableError):
        client.candles(NIFTY, DAY, DAY)
