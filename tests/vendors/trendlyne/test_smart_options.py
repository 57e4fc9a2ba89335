from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sos_actors.config import Trendlyne
from sos_actors.errors import (
    UnknownSymbolError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.types import NANOS_PER_SECOND, UnixNanos
from sos_actors.vendors.trendlyne.client import SmartOptions
from sos_actors.vendors.trendlyne.parse import body_of, interest_of
from tests.vendors.scripted import Request, Site, Step, mute, page, reply, reset, serving

NIFTY = "NSE|INDEX|NIFTY"
EXPIRY, DAY = date(2026, 1, 27), date(2026, 1, 21)
NOW = 1_768_984_200  # 21 January 2026, 14:00 in India
ROOT = "/phoenix/api"


def enveloped(body: Any, status: str = "0") -> bytes:
    return reply({"head": {"status": status, "statusDescription": "Told", "responseCode": None}, "body": body})


def interest(updated: str = "13:54:59", until: str = "15:30", hidden: bool = True, **oi: Any) -> dict[str, Any]:
    leg = {"putOi": 3611075.0, "putOiChange": 2927210.0, "callOi": 934375.0, "callOiChange": 894270.0}
    return {
        "overallData": {"totalPCR": 1.046, "spotPrice": 25208.9, "hideTimeSlider": hidden},
        "oiData": {"25100": leg, "25050": leg | oi},
        "inputData": {
            "tradingDate": "2026-01-21", "lastUpdatedDateTime": f"2026-01-21T{updated}+05:30", "minTime": "09:15",
            "maxTime": until, "expDateList": ["2026-01-27"],
        },
    }  # fmt: skip


STOCKS = {"data": [{"stock_id": 9, "stock_code": "NIFTYBEES"}, {"stock_id": 1887, "stock_code": "NIFTY"}]}


@contextmanager
def site(told: bytes | Callable[[Request], Step]) -> Iterator[tuple[SmartOptions, Site]]:
    """The client on a site whose open interest is scripted."""

    def answer(request: Request) -> Step:
        known = {
            "/": page("Home"),
            f"{ROOT}/search-contract-stock/": enveloped(STOCKS),
            f"{ROOT}/fno/get-expiry-dates/": enveloped({"expiryDates": ["2026-01-20", "2026-01-27", "2026-02-03"]}),
        }
        if request.path in known:
            return known[request.path]
        return told if isinstance(told, bytes) else told(request)

    with serving(answer) as served:
        settings = Trendlyne(url=served.url + ROOT, timeout_s=0.2, min_gap_s=0.0)
        with SmartOptions(settings, clock=lambda: UnixNanos(NOW * NANOS_PER_SECOND)) as options:
            yield options, served


def test_a_chain_carries_the_moment_the_site_reports_and_says_what_it_does_not_know() -> None:
    with site(enveloped(interest())) as (options, served):
        chain = options.chain(NIFTY)
    assert chain.ts_event == 1_768_983_899 * NANOS_PER_SECOND  # 13:54:59
    assert (chain.source, chain.underlying, chain.expiry, chain.spot) == ("trendlyne", NIFTY, EXPIRY, 25208.9)
    assert chain.strike.tolist() == [25050.0, 25100.0]
    assert chain.ce_oi.tolist() == [934375.0, 934375.0]
    assert chain.pe_oi_change.tolist() == [2927210.0, 2927210.0]
    assert all(np.isnan(column).all() for column in (chain.ce_ltp, chain.pe_volume, chain.ce_iv, chain.pe_ask))
    asked = served.requests[-1]
    assert asked.query == {
        "stockId": "1887", "expDateList": "2026-01-27", "minTime": "09:15", "maxTime": "15:30", "format": "json",
    }  # fmt: skip
    assert asked.headers["accept"] == "application/json"


def test_the_stock_of_exactly_that_code_is_taken_and_asked_for_once() -> None:
    with site(enveloped(interest())) as (options, served):
        assert options.stock_id("NIFTY") == options.stock_id(NIFTY) == 1887
        assert options.expiries(NIFTY) == [date(2026, 1, 20), EXPIRY, date(2026, 2, 3)]
        with pytest.raises(UnknownSymbolError, match="no stock with the code BANKNIFTY"):
            options.stock_id("BANKNIFTY")
    searches = [request.query["query"] for request in served.requests if "search" in request.path]
    assert searches == ["nifty", "banknifty"]


def test_open_interest_that_is_no_number_is_unknown() -> None:
    with site(enveloped(interest(callOi=None, putOi="3"))) as (options, _):
        chain = options.chain("NIFTY")
    assert np.isnan(chain.ce_oi).tolist() == [True, False]
    assert np.isnan(chain.pe_oi).tolist() == [True, False]


def windowed(request: Request) -> bytes:
    """Whoever honours the window, its own times included."""
    until = request.query["maxTime"]
    return enveloped(interest(f"{until}:00", until, hidden=False))


def test_windows_that_are_honoured_make_a_history_of_reported_moments() -> None:
    with site(windowed) as (options, served):
        chains = options.history(NIFTY, EXPIRY, DAY, ["09:18", "09:21", "13:30"])
    assert [chain.ts_event // NANOS_PER_SECOND % 86_400 // 60 for chain in chains] == [228, 231, 480]
    assert served.requests[-1].query["tradingDate"] == "2026-01-21"


@pytest.mark.parametrize(
    "answered",
    [
        interest("13:54:59", "15:30", hidden=True),
        interest("13:54:59", "15:30", hidden=False),
        interest("13:54:59", "09:18", hidden=True),
        interest("13:54:59", "09:18", hidden=False),
        interest("09:18:00", "09:18", hidden=False) | {"overallData": {"spotPrice": 1.0}},
    ],
    ids=["whole day", "another window", "slider hidden", "moment of the call", "slider unknown"],
)
def test_answers_that_ignore_the_window_never_become_history(answered: dict[str, Any]) -> None:
    with (
        site(enveloped(answered)) as (options, _),
        pytest.raises(VendorRefusedError, match="ignores the time window for callers who are not logged in"),
    ):
        options.history(NIFTY, EXPIRY, DAY, ["09:18", "09:21"])


def test_a_window_nobody_was_offered_is_no_window() -> None:
    with site(enveloped(interest("09:18:00", "09:18", hidden=True))) as (options, _), pytest.raises(VendorRefusedError):
        options.window(NIFTY, EXPIRY, DAY, "09:18")


def test_figures_of_another_day_than_they_were_updated_on_are_no_chain_of_now() -> None:
    answered = interest()
    told = answered["inputData"] | {"tradingDate": "2026-01-20"}
    with (
        site(enveloped(answered | {"inputData": told})) as (options, _),
        pytest.raises(VendorAnswerError, match="does not say which moment"),
    ):
        options.chain(NIFTY, EXPIRY)


def test_a_moment_told_in_another_zone_is_compared_in_indias() -> None:
    answered = interest("09:18:00", "09:18", hidden=False)
    told = answered["inputData"] | {"lastUpdatedDateTime": "2026-01-21T08:24:59+00:00"}  # 13:54:59 in India
    with (
        site(enveloped(answered | {"inputData": told})) as (options, _),
        pytest.raises(VendorRefusedError, match="updated on 2026-01-21 at 13:54"),
    ):
        options.window(NIFTY, EXPIRY, DAY, "09:18")


def test_a_moment_told_twice_ends_a_history() -> None:
    def repeating(request: Request) -> bytes:
        return enveloped(interest("09:18:00", request.query["maxTime"], hidden=False))

    with (
        site(repeating) as (options, served),
        pytest.raises(VendorRefusedError, match="until 09:21 it tells the moment it told before"),
    ):
        options.history(NIFTY, EXPIRY, DAY, ["09:18", "09:21", "09:24"])
    assert len([path for path in served.paths if "live-oi-data" in path]) == 2


@pytest.mark.parametrize(
    ("step", "kind", "told"),
    [
        (enveloped(interest(), status="1"), VendorAnswerError, "The site has no answer: 'Told'"),
        (reply({"head": "auth", "body": None}), VendorRefusedError, "callers it does not know: 'auth'"),
        (reply({}), VendorAnswerError, "no head"),
        (reply([1]), VendorAnswerError, "no head"),
        (enveloped(None), VendorAnswerError, "no body"),
        (enveloped({}), VendorAnswerError, "no inputData"),
        (enveloped(interest() | {"oiData": {}}), VendorAnswerError, "no strike, as outside of trading"),
        (enveloped(interest() | {"oiData": {"25050": {}, "25050.0": {}}}), VendorAnswerError, "or one twice"),
        (enveloped(interest() | {"oiData": {"x": {}}}), VendorAnswerError, "a strike that is none"),
        (enveloped(interest() | {"oiData": {"25050": {"call_oi": 5}}}), VendorAnswerError, "no open interest"),
        (enveloped(interest("nonsense")), VendorAnswerError, "does not say when"),
        (enveloped(interest("14:03:00")), VendorAnswerError, "180 s ahead of this machine's clock"),
        (enveloped(interest(until="09:17")), VendorAnswerError, "does not say which moment its figures are of"),
        (page("Django REST framework"), VendorAnswerError, "a page instead of data: 'Django REST framework'"),
        (reply("no json"), VendorAnswerError, "no JSON"),
        (reply({"detail": "x"}, 403), VendorRefusedError, "HTTP 403"),
        (reply({}, 404), VendorAnswerError, "HTTP 404"),
        (reply({}, 429, retry_after="7"), VendorBusyError, "HTTP 429"),
        (reply({}, 502), VendorBusyError, "HTTP 502"),
        (reset, VendorUnreachableError, "cannot be reached"),
        (mute, VendorUnreachableError, "did not answer in time|no complete answer"),
    ],
)  # fmt: skip
def test_what_is_no_data_is_an_error_that_says_so(step: Any, kind: type[VendorError], told: str) -> None:
    with site(step if isinstance(step, bytes) else lambda _: step) as (options, _):
        with pytest.raises(kind, match=told) as caught:
            options.chain(NIFTY, EXPIRY)
        assert type(caught.value) is kind


def test_an_answer_of_another_expiry_is_refused() -> None:
    with site(enveloped(interest())) as (options, _), pytest.raises(VendorAnswerError, match="other expiries"):
        options.chain(NIFTY, date(2026, 2, 3))


def test_a_site_that_does_not_know_us_is_visited_and_asked_once_more() -> None:
    steps = [reply({"head": "session", "body": {}}), enveloped(interest())]
    with site(lambda _: steps.pop(0)) as (options, served):
        assert len(options.chain(NIFTY, EXPIRY)) == 2
    assert served.paths[-2:] == ["/", f"{ROOT}/live-oi-data/"]


def captured(folder: Path) -> dict[str, Any]:
    file = folder / "trendlyne" / "live-oi-data_NIFTY_20260102_exp20260106_0915-0917.json"
    answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return answer


def test_a_genuine_answer_is_read(shared_data: Path) -> None:
    found = interest_of(body_of(captured(shared_data)), NIFTY, date(2026, 1, 6))
    chain = found.chain
    assert len(chain) == 53
    assert chain.strike[0] == 25050.0
    assert (np.diff(chain.strike) == 50).all()
    assert chain.ce_oi[0] == 2730.0
    assert not (np.concatenate([chain.ce_oi, chain.pe_oi]) % 65).any()
    assert (found.until, found.updated_at, found.window_hidden) == ("09:17", "15:40", False)
    assert chain.ts_event == 1_767_348_600 * NANOS_PER_SECOND


def test_a_genuine_windowed_answer_is_neither_a_chain_of_now_nor_history(shared_data: Path) -> None:
    genuine = reply(captured(shared_data))
    with site(genuine) as (options, _):
        with pytest.raises(VendorAnswerError, match=r"until 09:17 and was updated at 15:40"):
            options.chain(NIFTY, date(2026, 1, 6))
        with pytest.raises(VendorRefusedError, match="does not say of which moment they are"):
            options.window(NIFTY, date(2026, 1, 6), date(2026, 1, 2), "09:17")
