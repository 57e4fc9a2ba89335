"""Profile, registered addresses, and the one-time addresses of sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import make_mocked_request

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.sockets import FEED_PATHS, FEED_V3, PORTFOLIO, PORTFOLIO_PATH
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN, Tokens
from tests.simulator.upstox.broker import Answer, Broker, broker
from tests.simulator.upstox.staged import staged_world

IP, FEED = "/v2/user/ip", "/v3/feed/market-data-feed/authorize"


@pytest.fixture
def upstox() -> Iterator[Broker]:
    with broker(staged_world()) as running:
        yield running


def put_ip(upstox: Broker, token: str = FIRST_TOKEN, **addresses: object) -> Answer:
    return upstox.ask(IP, method="PUT", body=json.dumps(addresses), token=token)


def issued(upstox: Broker) -> str:
    """Another token, as a login would give it."""
    return upstox.simulator.call(lambda: upstox.tokens.issue())


def test_a_new_address_ends_the_token(upstox: Broker) -> None:
    first = upstox.ask(IP).data
    changed = put_ip(upstox, primary_ip="203.0.113.7").data
    after = upstox.ask(IP)

    assert first["primary_ip"] == "127.0.0.1"
    assert changed["access_tokens_invalidated"] is True
    assert changed["primary_ip_updated_at"] == "2026-01-13T12:00:30+05:30"
    assert after.status == 401


def test_an_address_can_be_changed_once_a_week(upstox: Broker) -> None:
    put_ip(upstox, secondary_ip="2001:db8::1")
    token = issued(upstox)

    assert put_ip(upstox, token, secondary_ip="2001:db8::2").code == "UDAPI1180"
    assert put_ip(upstox, token, primary_ip="203.0.113.7").status == 200
    upstox.world.clock.step(7 * 86_400.0)
    assert put_ip(upstox, issued(upstox), secondary_ip="2001:db8::2").status == 200


@pytest.mark.parametrize("address", ["not an address", "300.1.1.1", 5])
def test_what_is_no_address_is_refused(upstox: Broker, address: object) -> None:
    assert put_ip(upstox, primary_ip=address).code == "UDAPI1179"


def test_the_same_addresses_again_change_nothing(upstox: Broker) -> None:
    assert put_ip(upstox, primary_ip="127.0.0.1").status == 200
    assert upstox.ask(IP).data["primary_ip_updated_at"] is None


def test_a_feed_address_points_back_to_where_it_was_asked_for(upstox: Broker) -> None:
    data = upstox.ask(FEED).data
    uri = urlsplit(data["authorized_redirect_uri"])

    assert data["authorized_redirect_uri"] == data["authorizedRedirectUri"]
    assert f"http://{uri.netloc}" == upstox.address
    assert (uri.scheme, uri.path) == ("ws", FEED_PATHS[FEED_V3])
    assert len(parse_qs(uri.query)["code"][0]) == 32


def test_each_address_is_another(upstox: Broker) -> None:
    assert upstox.ask(FEED).body != upstox.ask(FEED).body


def test_a_portfolio_address_carries_what_it_will_send(upstox: Broker) -> None:
    path = "/v2/feed/portfolio-stream-feed/authorize"
    uri = urlsplit(upstox.ask(path, query={"update_types": "order,position"}).data["authorized_redirect_uri"])

    assert uri.path == PORTFOLIO_PATH
    assert parse_qs(uri.query)["update_types"] == ["order,position"]
    assert upstox.ask(path, query={"update_types": "news"}).code == "UDAPI100036"


def test_an_address_needs_a_token(upstox: Broker) -> None:
    assert upstox.ask(FEED, token=None).status == 401


def test_a_socket_code_opens_one_socket_of_its_kind() -> None:
    tokens = Tokens(staged_world())
    code = tokens.socket_code(FIRST_TOKEN, FEED_V3)
    wrong = tokens.socket_code(FIRST_TOKEN, PORTFOLIO)

    def outcome(text: str) -> str:
        try:
            return tokens.check_socket(make_mocked_request("GET", f"/feeds?code={text}"), FEED_V3)
        except UpstoxRefusal as refusal:
            return str(refusal.status)

    assert [outcome(code), outcome(code), outcome(wrong)] == [FIRST_TOKEN, "403", "403"]


def test_a_socket_code_dies_with_its_token() -> None:
    tokens = Tokens(staged_world())
    code = tokens.socket_code(FIRST_TOKEN, FEED_V3)
    tokens.revoke(FIRST_TOKEN)

    with pytest.raises(UpstoxRefusal, match="401"):
        tokens.check_socket(make_mocked_request("GET", f"/feeds?code={code}"), FEED_V3)


def test_a_header_opens_a_socket_too() -> None:
    tokens = Tokens(staged_world())
    request = make_mocked_request("GET", "/feeds", {"Authorization": f"Bearer {FIRST_TOKEN}"})

    assert tokens.check_socket(request, FEED_V3) == FIRST_TOKEN
