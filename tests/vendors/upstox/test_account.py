"""The account: profile, holdings, kill switch, addresses, and the charges oracle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sos_actors.errors import VendorAnswerError, VendorRefusedError, VendorUnreachableError
from sos_actors.types import Side
from sos_actors.vendors.upstox.account import (
    Profile,
    SegmentSwitch,
    StaticIps,
    UpstoxAccount,
    kill_switch,
    profile,
    static_ips,
)
from sos_actors.vendors.upstox.charges import UpstoxCharges, order_charges
from tests.vendors.scripted import reset
from tests.vendors.upstox.connected import connected, good, refused

WHO = {"user_id": "AB1", "user_name": "A B", "exchanges": ["NSE", "NFO"], "products": ["I"], "is_active": True}
SWITCH = {"segment": "NSE_FO", "segment_status": "ACTIVE", "kill_switch_enabled": False}
CHARGES = {
    "total": 25.95, "brokerage": 20.0, "taxes": {"gst": 3.6, "stt": 0.0, "stamp_duty": 0.2},
    "other_charges": {"transaction": 2.1, "clearing": 0.0, "ipft": None, "sebi_turnover": 0.01},
}  # fmt: skip


def test_the_account_is_read() -> None:
    ips = {"primary_ip": "203.0.113.7", "secondary_ip": None}
    with connected([good(WHO), good([WHO, WHO]), good([SWITCH]), good(ips)]) as rig:
        account = UpstoxAccount(rig.connection)
        assert account.profile() == Profile("AB1", "A B", ("NSE", "NFO"), ("I",), True)
        assert account.holdings() == 2
        assert account.kill_switch() == [SegmentSwitch("NSE_FO", True, False)]
        assert account.static_ips() == StaticIps("203.0.113.7", "")
    assert rig.site.paths == [
        "/v2/user/profile",
        "/v2/portfolio/long-term-holdings",
        "/v2/user/kill-switch",
        "/v2/user/ip",
    ]


def test_the_kill_switch_is_thrown_once_for_all_segments_named() -> None:
    thrown = SWITCH | {"segment_status": "INACTIVE", "kill_switch_enabled": True}
    with connected([good([thrown])]) as rig:
        assert UpstoxAccount(rig.connection).set_kill_switch(["NSE_FO", "NSE_EQ"], kill=True) == [
            SegmentSwitch("NSE_FO", False, True)
        ]
    [request] = rig.site.requests
    assert (request.method, request.path) == ("POST", "/v2/user/kill-switch")
    assert json.loads(request.body) == [{"segment": name, "action": "DISABLE"} for name in ("NSE_FO", "NSE_EQ")]
    with connected([refused("UDAPI1184", "Open positions")]) as rig, pytest.raises(VendorRefusedError, match="Close"):
        UpstoxAccount(rig.connection).set_kill_switch(["NSE_FO"], kill=True)
    with connected([reset]) as rig, pytest.raises(VendorUnreachableError):
        UpstoxAccount(rig.connection).set_kill_switch(["NSE_FO"], kill=False)
    assert len(rig.site.requests) == 1


@pytest.mark.parametrize(
    "data", [None, [], {}, WHO | {"is_active": None}, WHO | {"user_id": ""}, WHO | {"exchanges": None}]
)
def test_a_profile_that_cannot_be_read_is_refused(data: Any) -> None:
    with pytest.raises(VendorAnswerError, match="profile"):
        profile(data)


@pytest.mark.parametrize(
    "row", [None, {}, SWITCH | {"segment_status": "DIZZY"}, SWITCH | {"kill_switch_enabled": "no"}]
)
def test_a_switch_that_cannot_be_read_is_refused(row: Any) -> None:
    with pytest.raises(VendorAnswerError, match="kill switch"):
        kill_switch([SWITCH, row])


def test_addresses_that_are_not_told_are_not_taken_for_none() -> None:
    with pytest.raises(VendorAnswerError, match="primary_ip"):
        static_ips({})


def test_what_an_order_costs_is_asked_with_its_figures() -> None:
    with connected([good({"charges": CHARGES})]) as rig:
        found = UpstoxCharges(rig.connection).charges("NSE_FO|1", Side.BUY, 65, 100.05)
    assert (found.total, found.brokerage, found.gst, found.exchange, found.ipft) == (25.95, 20.0, 3.6, 2.1, None)
    assert rig.site.requests[0].query == {
        "instrument_token": "NSE_FO|1", "quantity": "65", "product": "I", "transaction_type": "BUY", "price": "100.05",
    }  # fmt: skip


@pytest.mark.parametrize("data", [None, {}, {"charges": CHARGES | {"total": None}}, {"charges": {"total": 1.0}}])
def test_charges_that_cannot_be_read_are_not_zero(data: Any) -> None:
    with pytest.raises(VendorAnswerError, match="charges"):
        order_charges(data)
