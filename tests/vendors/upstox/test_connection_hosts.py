"""Which host what reaches: no call of one market ever goes to another."""

from __future__ import annotations

import pytest
from upstox_client import OrderApiV3, UserApi

from sos_actors.config.vendors import Upstox
from sos_actors.errors import ConfigError, VendorRefusedError
from sos_actors.types import Secret
from sos_actors.vendors.upstox.connection import SANDBOX_URL, UpstoxConnection
from tests.vendors.scripted import serving
from tests.vendors.upstox.connected import connected, good, settings_for


def cancel(connection: UpstoxConnection) -> None:
    connection.call(OrderApiV3(connection.sdk).cancel_order, "1", order=True)


def test_addresses_that_would_mix_two_markets_are_refused() -> None:
    with pytest.raises(ConfigError, match="contradict"):
        UpstoxConnection(Upstox(rest_url="http://127.0.0.1:1"), None)
    with pytest.raises(ConfigError, match="sandbox"):
        UpstoxConnection(Upstox(order_url=SANDBOX_URL), None)


def test_in_sandbox_mode_orders_cannot_reach_the_exchange() -> None:
    with UpstoxConnection(Upstox(), Secret("x"), sandbox=True) as connection:
        assert connection.sdk.configuration.host == connection.sdk.configuration.order_host == SANDBOX_URL
        with pytest.raises(VendorRefusedError, match="sandbox"):
            connection.call(UserApi(connection.sdk).get_profile, "2.0")


@pytest.mark.parametrize("meddle", [("order_host", "https://api-hft.upstox.com"), ("sandbox", True)])
def test_an_order_is_not_sent_when_somebody_meddled_with_the_sdk(meddle: tuple[str, object]) -> None:
    with connected([good({"order_id": "1"})]) as rig:
        setattr(rig.connection.sdk.configuration, *meddle)
        with pytest.raises(VendorRefusedError, match="no order is sent"):
            cancel(rig.connection)
    assert rig.site.requests == []


def test_orders_and_data_reach_the_hosts_they_are_configured_for() -> None:
    with serving([good({"order_id": "1"})]) as orders, serving([good({})]) as data:
        settings = settings_for(data.url, order_url=orders.url)
        with UpstoxConnection(settings, Secret("x")) as connection:
            cancel(connection)
            connection.call(UserApi(connection.sdk).get_profile, "2.0")
    assert (orders.paths, data.paths) == (["/v3/order/cancel"], ["/v2/user/profile"])
