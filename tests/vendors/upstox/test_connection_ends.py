"""How waiting ends: a vendor's wish for a pause is bounded, and closing ends every wait at once."""

from __future__ import annotations

import threading
import time

import pytest
from upstox_client import OrderApiV3, UserApi

from sos_actors.errors import VendorAnswerError, VendorBusyError, VendorError, VendorRefusedError
from sos_actors.types import Secret
from sos_actors.vendors.upstox.account import UpstoxAccount
from sos_actors.vendors.upstox.connection import UpstoxConnection
from tests.vendors.scripted import reply, serving
from tests.vendors.upstox.connected import TOKEN, Rig, connected, good, settings_for


def cancel(rig: Rig) -> object:
    return rig.connection.call(OrderApiV3(rig.connection.sdk).cancel_order, "1", order=True)["data"]


def test_a_pause_of_days_does_not_keep_orders_from_being_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with connected([reply(b"", 429, Retry_After="999999"), good({"order_id": "1"})]) as rig:
        now = time.monotonic()
        monkeypatch.setattr(rig.connection._limits._orders, "_clock", lambda: now)
        with pytest.raises(VendorBusyError, match="too many requests"):
            cancel(rig)
        with pytest.raises(VendorBusyError, match="nothing was sent"):
            cancel(rig)
        now += 60
        assert cancel(rig) == {"order_id": "1"}


def test_closing_ends_a_wait_at_once() -> None:
    errors: list[VendorError] = []

    def ask(connection: UpstoxConnection) -> None:
        try:
            for _ in range(2):
                connection.call(UserApi(connection.sdk).get_profile, "2.0")
        except VendorError as error:
            errors.append(error)

    with serving([good({})]) as site:
        connection = UpstoxConnection(settings_for(site.url, requests_per_minute=1), Secret("x"), patience_s=3600.0)
        asking = threading.Thread(target=ask, args=(connection,))
        asking.start()
        while not site.requests:
            time.sleep(0.001)
        connection.close()
        asking.join(5)
        assert not asking.is_alive()
        with pytest.raises(VendorRefusedError, match="closed its connection"):
            connection.call(UserApi(connection.sdk).get_profile, "2.0")
    assert [type(error) for error in errors] == [VendorRefusedError]
    assert len(site.requests) == 1


def test_a_good_answer_that_repeats_the_token_does_not_get_it_into_a_message() -> None:
    with connected([good(f"Bearer {TOKEN}")]) as rig, pytest.raises(VendorAnswerError, match=r"Bearer \*\*\*"):
        UpstoxAccount(rig.connection).profile()
