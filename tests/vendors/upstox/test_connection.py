"""The connection: every failure is one of our errors, nothing waits without end, nothing that matters is sent twice."""

from __future__ import annotations

import gzip
import inspect
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress

import pytest
import upstox_client
from upstox_client import HistoryV3Api, LoginApi, OptionsApi, OrderApiV3, UserApi

from sos_actors.config.vendors import Upstox
from sos_actors.errors import (
    OrderRefusedError,
    TokenRefusedError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.types import Secret
from sos_actors.vendors.upstox.connection import ApiLimits, UpstoxConnection
from tests.vendors.scripted import Site, Step, mute, page, reply, reset, trickle
from tests.vendors.upstox.connected import TOKEN, Rig, connected, good, refused, settings_for

PROFILE = {"user_id": "AB1234"}


def profile(rig: Rig) -> object:
    return rig.connection.call(UserApi(rig.connection.sdk).get_profile, "2.0")["data"]


def cancel(rig: Rig) -> object:
    return rig.connection.call(OrderApiV3(rig.connection.sdk).cancel_order, "1", order=True)["data"]


def test_a_request_is_what_the_sdk_makes_of_it_and_carries_the_token() -> None:
    with connected([good({"candles": []}), good(PROFILE)]) as rig:
        method = HistoryV3Api(rig.connection.sdk).get_historical_candle_data1
        document = rig.connection.call(method, "NSE_INDEX|Nifty 50", "minutes", 1, "2026-01-13", "2026-01-12")
        profile(rig)
    request, with_token = rig.site.requests
    assert document == {"status": "success", "data": {"candles": []}}
    assert request.path == "/v3/historical-candle/NSE_INDEX%7CNifty%2050/minutes/1/2026-01-13/2026-01-12"
    assert with_token.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["x-upstox-sdk-version"] == "2.30.0"


def test_a_query_is_encoded_as_the_sdk_encodes_it() -> None:
    with connected([good([])]) as rig:
        rig.connection.call(OptionsApi(rig.connection.sdk).get_option_contracts, "NSE_INDEX|Nifty 50")
    assert rig.site.requests[0].query == {"instrument_key": "NSE_INDEX|Nifty 50"}


def test_a_new_token_is_used_from_the_next_call_on() -> None:
    with connected([good(PROFILE)]) as rig:
        profile(rig)
        rig.connection.set_token(Secret("tomorrows"))
        profile(rig)
    assert [request.headers["authorization"] for request in rig.site.requests] == [
        f"Bearer {TOKEN}",
        "Bearer tomorrows",
    ]


def test_without_a_token_nothing_is_asked() -> None:
    with connected([good(PROFILE)], token=None) as rig, pytest.raises(TokenRefusedError, match="'sos login'"):
        profile(rig)
    assert rig.site.requests == []


def test_it_knows_whether_its_token_was_refused_the_last_time() -> None:
    expired = refused("UDAPI100050", "Invalid token", 401)
    with connected([expired, good(PROFILE), expired, refused("UDAPI1026", "No", 400)]) as rig:
        seen = [rig.connection.is_token_refused]
        for _ in range(4):
            with suppress(VendorError):
                profile(rig)
            seen.append(rig.connection.is_token_refused)
        rig.connection.set_token(Secret("another"))
    assert seen == [False, True, False, True, True]
    assert not rig.connection.is_token_refused


def test_a_text_that_cannot_be_a_token_is_refused_without_being_shown() -> None:
    with connected([good(PROFILE)]) as rig, pytest.raises(TokenRefusedError) as caught:
        rig.connection.set_token(Secret("two\nlines"))
    assert "lines" not in str(caught.value)


OUTCOMES: list[tuple[Step, type[VendorError], str]] = [
    (refused("UDAPI100050", "Invalid token", 401), TokenRefusedError, "'sos login'"),
    (refused("UDAPI100050", "Invalid token", 200), TokenRefusedError, "'sos login'"),
    (reply(b"", 401), TokenRefusedError, "'sos login'"),
    (page(status=403), VendorRefusedError, "developer portal"),
    (refused("UDAPI1154", "Blocked from 1.2.3.4", 403), VendorRefusedError, "registered static IP"),
    (refused("UDAPI1149", "Plus only"), VendorRefusedError, "Plus plan"),
    (refused("UDAPI100072", "Closed", 423), VendorRefusedError, "service hours"),
    (refused("UDAPI10005", "Too Many Request Sent", 429), VendorBusyError, "too many requests"),
    (refused("UDAPI100500", "Something went wrong", 400), VendorBusyError, "in trouble"),
    (page(status=502), VendorBusyError, "in trouble"),
    (refused("UDAPI1148", "Invalid date range"), VendorAnswerError, "UDAPI1148"),
    (reply(b"", 400), VendorAnswerError, "400"),
    (reply(b"", 302, Location="https://elsewhere.example/"), VendorAnswerError, "not followed"),
    (page(), VendorAnswerError, "a web page"),
    (reply({}), VendorAnswerError, "an empty object"),
    (reply(b""), VendorAnswerError, "nothing at all"),
    (reply(b'{"status":"success","data":[1,'), VendorAnswerError, "cut off"),
    (reply([1, 2]), VendorAnswerError, "another shape"),
    (reply({"data": []}), VendorAnswerError, "form"),
    (reply({"status": "success"}), VendorAnswerError, "form"),
    (reply(b"[" * 100_000), VendorAnswerError, "no JSON"),
    (reply(b"\xff\xfe"), VendorAnswerError, "no JSON"),
    (reply(b"not gzip at all", Content_Encoding="gzip"), VendorAnswerError, "unpacked"),
    (reset, VendorUnreachableError, "broke"),
    (b"garbage that is no HTTP\r\n\r\n", VendorUnreachableError, "broke"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", VendorUnreachableError, "broke"),
]


@pytest.mark.parametrize(("step", "kind", "words"), OUTCOMES)
def test_every_odd_answer_is_an_error_of_ours(step: Step, kind: type[VendorError], words: str) -> None:
    with connected([step]) as rig, pytest.raises(kind, match=words) as caught:
        profile(rig)
    assert type(caught.value) is kind
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown


@pytest.mark.parametrize(
    "step",
    [
        mute,
        trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        trickle(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    ],
    ids=["silence", "a trickling body", "a trickling header"],
)
def test_no_answer_is_waited_for_without_end(step: Step) -> None:
    with connected([step], read_timeout_s=0.1) as rig, pytest.raises(VendorUnreachableError, match="no whole answer"):
        profile(rig)


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (refused("UDAPI1104", "Not a multiple of the lot"), OrderRefusedError),
        (refused("UDAPI100010", "Unknown order", 404), OrderRefusedError),
        (refused("UDAPI1154", "Blocked", 403), VendorRefusedError),
        (refused("UDAPI100050", "Invalid token", 401), TokenRefusedError),
        (refused("UDAPI100500", "Something went wrong", 400), VendorBusyError),
        (refused("UDAPI100500", "Something went wrong", 500), VendorBusyError),
        (refused("UDAPI10005", "Too many", 429), VendorBusyError),
        (reply(b"", 400), VendorAnswerError),
        (page(), VendorAnswerError),
        (reset, VendorUnreachableError),
        (mute, VendorUnreachableError),
    ],
)
def test_an_order_call_is_sent_once_whatever_comes_back(step: Step, kind: type[VendorError]) -> None:
    with connected([step], read_timeout_s=0.1 if step is mute else 5.0) as rig, pytest.raises(kind) as caught:
        cancel(rig)
    assert type(caught.value) is kind
    assert [request.method for request in rig.site.requests] == ["DELETE"]
    assert rig.naps == []


def test_what_only_reads_is_asked_again_twice_and_then_given_up() -> None:
    with connected([reset, page(status=503), good(PROFILE)]) as rig:
        assert profile(rig) == PROFILE
    assert len(rig.naps) == 2
    assert all(0.1 < nap < 1 for nap in rig.naps)
    with connected([reset]) as rig, pytest.raises(VendorUnreachableError):
        profile(rig)
    assert len(rig.site.requests) == 3


def test_a_vendor_that_wants_a_long_pause_is_not_asked_again() -> None:
    with connected([refused("UDAPI10005", "Too many", 429, Retry_After="30")]) as rig:
        with pytest.raises(VendorBusyError) as caught:
            profile(rig)
        assert caught.value.retry_after_s == 30
        assert len(rig.site.requests) == 1


def test_nothing_but_get_methods_of_the_sdk_can_be_repeated() -> None:
    apis = [item for name, item in vars(upstox_client).items() if name.endswith(("Api", "ApiV3"))]
    methods = [
        (name, method)
        for api in apis
        for name, method in inspect.getmembers(api, inspect.isfunction)
        if name.startswith("get_") and "with_http_info" in name
    ]
    assert len(methods) > 40
    for name, method in methods:
        source = inspect.getsource(method)
        assert "'GET'" in source, name
        assert not any(f"'{word}'," in source for word in ("POST", "PUT", "DELETE")), name


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    naps: list[float] = []
    settings = settings_for(f"http://127.0.0.1:{port}")
    with (
        UpstoxConnection(settings, Secret("x"), sleep=naps.append) as connection,
        pytest.raises(VendorUnreachableError, match="refused"),
    ):
        connection.call(UserApi(connection.sdk).get_profile, "2.0")


def test_an_answer_larger_than_allowed_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sos_actors.vendors.upstox.rest_wire.MOST_BYTES", 1 << 20)
    step = reply(gzip.compress(b" " * (3 << 20)), Content_Encoding="gzip")
    with connected([step]) as rig, pytest.raises(VendorAnswerError, match="more than 1 MB"):
        profile(rig)


def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(json.dumps({"status": "success", "data": PROFILE}).encode())
    with connected([reply(packed, Content_Encoding="gzip")]) as rig:
        assert profile(rig) == PROFILE
        assert rig.site.requests[0].headers["accept-encoding"] == "gzip"


def test_a_vendor_that_repeats_our_secrets_in_its_message_does_not_get_them_into_ours() -> None:
    with connected([refused("UDAPI1", f"token {TOKEN} and secret hush")]) as rig, pytest.raises(VendorError) as caught:
        rig.connection.call(LoginApi(rig.connection.sdk).logout, "2.0", secrets=[Secret("hush")])
    assert "token *** and secret ***" in str(caught.value)


def test_our_own_limit_refuses_an_order_rather_than_letting_it_wait() -> None:
    with connected([good({"order_id": "1"})], requests_per_minute=1) as rig:
        cancel(rig)
        with pytest.raises(VendorBusyError, match="nothing was sent") as caught:
            cancel(rig)
    assert caught.value.code == "429"
    assert len(rig.site.requests) == 1


def test_orders_share_one_limit_and_every_other_api_has_its_own() -> None:
    limits = ApiLimits(Upstox())
    assert limits.of("place", order=True) is limits.of("cancel", order=True)
    assert limits.of("a", order=False) is not limits.of("b", order=False)
    assert limits.of("a", order=False) is limits.of("a", order=False)


def test_the_sdk_leaves_neither_threads_nor_log_handlers_nor_a_shared_configuration() -> None:
    loggers = [logging.getLogger(name) for name in ("urllib3", "upstox_client")]
    handlers, default = [list(each.handlers) for each in loggers], upstox_client.Configuration._default
    with connected([good(PROFILE)]) as rig:
        profile(rig)
        assert upstox_client.Configuration._default is default
        assert not [each for each in threading.enumerate() if "worker" in each.name]
    assert [list(each.handlers) for each in loggers] == handlers


def test_two_connections_do_not_share_a_token_or_a_host() -> None:
    with connected([good(PROFILE)]) as one, connected([good(PROFILE)], token="other") as two:
        profile(one)
        profile(two)
    assert [len(one.site.requests), len(two.site.requests)] == [1, 1]
    assert two.site.requests[0].headers["authorization"] == "Bearer other"


def test_many_threads_may_share_a_connection() -> None:
    def answer(_: object) -> Callable[[Site, socket.socket], None] | bytes:
        return good(PROFILE)

    with connected(answer) as rig:
        threads = [threading.Thread(target=profile, args=(rig,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(rig.site.requests) == 12
