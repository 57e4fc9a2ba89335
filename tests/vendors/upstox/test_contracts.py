"""Contracts: what is listed today, what has expired, and keys that are never confused after an expiry."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorRefusedError
from sos_actors.market.symbols import imported_instrument
from sos_actors.types import Secret
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.contracts import UpstoxContracts
from tests.vendors.scripted import Request, Step, serving
from tests.vendors.upstox.connected import NIFTY_KEY, at, connected, good, master, refused, settings_for

TODAY, NEXT, GONE = date(2026, 1, 13), date(2026, 1, 20), date(2026, 1, 6)


def contract(expiry: date, strike: float, kind: str, token: str, **changes: Any) -> dict[str, Any]:
    dated = f"|{expiry:%d-%m-%Y}" if expiry < TODAY else ""
    return {
        "underlying_key": NIFTY_KEY, "underlying_symbol": "NIFTY", "expiry": expiry.isoformat(),
        "strike_price": strike, "instrument_type": kind, "instrument_key": f"NSE_FO|{token}{dated}", **changes,
    }  # fmt: skip


LISTED = [
    contract(NEXT, 25600.0, "CE", "3"),
    contract(TODAY, 25600.0, "PE", "2"),
    contract(TODAY, 25600.0, "CE", "1"),
    contract(TODAY, 9000.0, "PE", "4"),
]


def answer(request: Request) -> Step:
    if request.path == "/v2/option/contract":
        return good(LISTED)
    if request.path.endswith("/expiries"):
        return good([GONE.isoformat(), TODAY.isoformat()])
    return good([contract(GONE, 25600.0, "CE", "1")])


def test_expiries_are_the_listed_and_the_expired_ones() -> None:
    with connected(answer) as rig:
        assert UpstoxContracts(rig.connection, master()).expiries("NIFTY") == [GONE, TODAY, NEXT]


def test_without_the_plus_plan_the_listed_expiries_remain_and_expired_contracts_are_refused() -> None:
    def without(request: Request) -> Step:
        return refused("UDAPI1149") if "expired" in request.path else answer(request)

    with connected(without) as rig:
        contracts = UpstoxContracts(rig.connection, master())
        assert contracts.expiries("NIFTY") == [TODAY, NEXT]
        with pytest.raises(VendorRefusedError, match="Plus"):
            contracts.contracts("NIFTY", GONE)


def test_any_other_refusal_of_the_expired_ones_is_not_hidden() -> None:
    def without(request: Request) -> Step:
        return refused("UDAPI1", status=403) if "expired" in request.path else answer(request)

    with connected(without) as rig, pytest.raises(VendorRefusedError):
        UpstoxContracts(rig.connection, master()).expiries("NIFTY")


def test_contracts_come_by_strike_calls_before_puts() -> None:
    with connected(answer) as rig:
        assert UpstoxContracts(rig.connection, master()).contracts("NIFTY", TODAY) == [
            "NSE|FO|NIFTY 9000 PE 13 JAN 26",
            "NSE|FO|NIFTY 25600 CE 13 JAN 26",
            "NSE|FO|NIFTY 25600 PE 13 JAN 26",
        ]


def test_the_same_token_names_two_contracts_at_two_times() -> None:
    with connected(answer) as rig:
        contracts = UpstoxContracts(rig.connection, master())
        assert contracts.key_of("NSE|FO|NIFTY 25600 CE 13 JAN 26") == "NSE_FO|1"
        assert contracts.key_of("NSE|FO|NIFTY 25600 CE 06 JAN 26") == "NSE_FO|1|06-01-2026"


def test_what_is_listed_is_asked_once_a_day() -> None:
    days = iter(["2026-01-13 10:00:00"] * 4 + ["2026-01-14 10:00:00"] * 9)
    with serving(answer) as site:
        clock = lambda: at(next(days))  # noqa: E731
        with UpstoxConnection(settings_for(site.url), Secret("x"), clock=clock) as connection:
            contracts = UpstoxContracts(connection, master())
            assert list(contracts.listed("NIFTY")) == [TODAY, NEXT]
            assert list(contracts.listed("NSE|INDEX|NIFTY")) == [TODAY, NEXT]
            contracts.listed("NIFTY"), contracts.listed("NIFTY")
            assert list(contracts.listed("NIFTY")) == [NEXT], "yesterday's expiry is gone"
    assert site.paths == ["/v2/option/contract"] * 2


def test_an_empty_list_of_an_expired_expiry_is_asked_for_again() -> None:
    with connected([good([]), good([contract(GONE, 25600.0, "CE", "1")])]) as rig:
        contracts = UpstoxContracts(rig.connection, master())
        assert contracts.contracts("NIFTY", GONE) == []
        assert len(contracts.contracts("NIFTY", GONE)) == 1


def test_an_empty_list_of_today_is_asked_for_again() -> None:
    with connected([good([]), good(LISTED)]) as rig:
        contracts = UpstoxContracts(rig.connection, master())
        assert contracts.contracts("NIFTY", TODAY) == []
        assert len(contracts.contracts("NIFTY", TODAY)) == 3


@pytest.mark.parametrize(
    "row",
    [
        contract(GONE, 25600.0, "XX", "1"),
        contract(GONE, 25600.0, "CE", "1", strike_price=None),
        contract(GONE, 25600.0, "CE", "1") | {"expiry": "13-01-2026"},
        contract(GONE, 25600.0, "CE", "1", underlying_key="NSE_INDEX|Nifty Bank"),
        contract(GONE, 25600.0, "CE", "1", instrument_key="NSE_FO|1"),
        contract(GONE, 25600.0, "CE", "1", instrument_key=None),
        contract(NEXT, 25600.0, "CE", "1"),
        contract(GONE, 25500.0, "CE", "1"),
        "x",
    ],
)
def test_a_list_with_one_wrong_row_is_refused(row: Any) -> None:
    with connected([good([contract(GONE, 25500.0, "CE", "9"), row])]) as rig, pytest.raises(VendorAnswerError):
        UpstoxContracts(rig.connection, master()).contracts("NIFTY", GONE)


def test_a_list_of_expiries_with_a_wrong_date_is_refused() -> None:
    def wrong(request: Request) -> Step:
        return good(["soon"]) if "expiries" in request.path else answer(request)

    with connected(wrong) as rig, pytest.raises(VendorAnswerError, match="expiries"):
        UpstoxContracts(rig.connection, master()).expiries("NIFTY")


def test_contracts_and_underlyings_that_do_not_exist_are_unknown() -> None:
    with connected(answer) as rig:
        contracts = UpstoxContracts(rig.connection, master().added(imported_instrument("MINE")))
        with pytest.raises(UnknownSymbolError, match="25650"):
            contracts.key_of("NSE|FO|NIFTY 25650 CE 13 JAN 26")
        with pytest.raises(UnknownSymbolError):
            contracts.key_of("NSE|FO|NIFTY FUT 28 JAN 26")
        with pytest.raises(UnknownSymbolError, match="imported data"):
            contracts.underlying_key("MINE")
        with pytest.raises(UnknownSymbolError):
            contracts.expiries("NOSUCH")
