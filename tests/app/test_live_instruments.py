"""What the running system knows of instruments: from the broker's list, and from the tables where that is silent."""

from __future__ import annotations

from datetime import date

import pytest

from sos_actors.app.live_instruments import Instruments
from sos_actors.engine.holdings import UNSLICED
from sos_actors.errors import MissingDataError, UnknownSymbolError, UsageError
from sos_actors.market.instruments import SymbolMaster, default_master
from sos_actors.market.lots import largest_order, lot_size
from sos_actors.market.symbols import Instrument, contract_symbol
from sos_actors.types import OptionType, Segment

DAY, EXPIRY, LATER = date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 20)


def option(expiry: date, strike: float, *, lot: int = 65, tick: float = 0.05, freeze: int = 1756) -> Instrument:
    symbol = contract_symbol("NIFTY", strike, OptionType.CE, expiry)
    return Instrument(
        symbol=symbol, short_name=symbol.rpartition("|")[2], segment=Segment.FO, lot_size=lot, tick_size=tick,
        freeze_quantity=freeze, instrument_key=f"NSE_FO|{int(strike)}{expiry.day}", underlying="NSE|INDEX|NIFTY",
        expiry=expiry, strike=strike, option_type=OptionType.CE,
    )  # fmt: skip


def known(*options: Instrument) -> Instruments:
    master: SymbolMaster = default_master().added(*options)
    return Instruments.of(master, ["NIFTY"])


def test_the_terms_of_a_contract_are_the_lists_in_whole_lots() -> None:
    (listed,) = known(option(EXPIRY, 25600.0, lot=75, freeze=1801)).listed(DAY)
    assert (listed.expiry, listed.lot, listed.tick, listed.freeze) == (EXPIRY, 75, 0.05, 1800)


def test_a_list_without_freeze_quantity_slices_nothing() -> None:
    (listed,) = known(option(EXPIRY, 25600.0, freeze=0)).listed(DAY)
    assert listed.freeze == UNSLICED


def test_terms_the_list_does_not_give_come_from_the_dated_tables() -> None:
    (listed,) = known(option(EXPIRY, 25600.0, tick=0.0)).listed(DAY)
    assert (listed.lot, listed.freeze) == (lot_size("NIFTY", EXPIRY), largest_order("NIFTY", EXPIRY, DAY))


def test_expiries_that_are_over_are_left_out() -> None:
    found = known(option(EXPIRY, 25600.0), option(LATER, 25600.0))
    assert [one.expiry for one in found.listed(LATER)] == [LATER]
    with pytest.raises(MissingDataError, match=r"no option of NIFTY that expires on 2026-01-21 or later"):
        found.listed(date(2026, 1, 21))


def test_the_window_is_of_the_expiry_that_would_be_traded() -> None:
    found = known(option(EXPIRY, 25600.0), option(LATER, 25600.0), option(LATER, 25650.0))
    assert found.windows(DAY, 0, 5, 0.75)["NSE|INDEX|NIFTY"].expiry == EXPIRY
    window = found.windows(DAY, 3, 5, 0.75)["NSE|INDEX|NIFTY"]
    assert window.expiry == LATER
    assert len(window.listed) == 2


def test_an_order_needs_a_key_and_a_tick() -> None:
    found = known(option(EXPIRY, 25600.0), option(LATER, 25600.0, tick=0.0))
    terms = found.terms_of(contract_symbol("NIFTY", 25600.0, OptionType.CE, EXPIRY))
    assert terms is not None
    assert (terms.lot, terms.tick, terms.freeze, terms.segment) == (65, 0.05, 1756, Segment.FO)
    assert found.terms_of(contract_symbol("NIFTY", 25600.0, OptionType.CE, LATER)) is None
    assert found.terms_of("NSE|EQ|NOBODY") is None
    assert found.key_of("NSE|EQ|NOBODY") is None


def test_only_what_is_listed_and_no_contract_can_be_followed() -> None:
    found = known(option(EXPIRY, 25600.0))
    assert found.followed("NSE|EQ|RELIANCE").tick > 0
    with pytest.raises(UnknownSymbolError):
        found.followed("NSE|EQ|NOBODY")
    with pytest.raises(UsageError):
        found.followed(contract_symbol("NIFTY", 25600.0, OptionType.CE, EXPIRY))
    assert [one.short_name for one in found.known(["NSE|EQ|RELIANCE", "NSE|EQ|NOBODY"])] == ["RELIANCE"]
