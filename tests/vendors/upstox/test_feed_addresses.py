from __future__ import annotations

from typing import Any

import pytest

from sos_actors.errors import TokenRefusedError, VendorAnswerError
from sos_actors.vendors.upstox.feed_addresses import feed_address, order_stream_address
from tests.vendors.upstox.connected import TOKEN, connected, good, refused

ADDRESS = "wss://wsfeeder-api.upstox.com/market-data-feeder/v3/upstox-developer-api/feeds?requestId=1&code=planted-code"


@pytest.mark.parametrize("spelling", ["authorized_redirect_uri", "authorizedRedirectUri"])
def test_a_fresh_address_is_asked_for_every_time_in_either_spelling(spelling: str) -> None:
    with connected(lambda _: good({spelling: ADDRESS})) as rig:
        ask = feed_address(rig.connection)
        assert [ask().url.reveal(), ask().url.reveal()] == [ADDRESS, ADDRESS]
        assert "planted-code" not in repr(ask())
        assert order_stream_address(rig.connection)().url.reveal() == ADDRESS
    paths = [request.path.partition("?")[0] for request in rig.site.requests]
    assert paths == ["/v3/feed/market-data-feed/authorize"] * 3 + ["/v2/feed/portfolio-stream-feed/authorize"]


@pytest.mark.parametrize("data", [
    None, {}, [], {"authorized_redirect_uri": None}, {"authorized_redirect_uri": 7},
    {"authorized_redirect_uri": "ws://wsfeeder-api.upstox.com/feeds?code=planted-code"},
    {"authorized_redirect_uri": "wss://[planted-code"}, {"authorized_redirect_uri": "planted-code"},
])  # fmt: skip
def test_an_authorisation_without_a_good_address_is_an_answer_without_data(data: Any) -> None:
    with connected(lambda _: good(data)) as rig, pytest.raises(VendorAnswerError) as told:
        feed_address(rig.connection)()
    assert "planted-code" not in str(told.value)


def test_a_refused_token_is_told_as_such() -> None:
    with connected(lambda _: refused("UDAPI100050", status=401)) as rig, pytest.raises(TokenRefusedError) as told:
        feed_address(rig.connection)()
    assert TOKEN not in str(told.value)
