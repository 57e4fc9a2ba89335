"""Names: every spelling resolves to one instrument, a wrong one is answered with the nearest, a bad file is refused."""

from __future__ import annotations

import gzip
import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.errors import DataError, UnknownSymbolError
from sos_actors.market.instruments import (
    ContractSpec,
    SymbolMaster,
    canonical_for,
    contract_symbol,
    default_master,
    imported_instrument,
    parse_contract_symbol,
)
from sos_actors.market.symbols import future_symbol, short_name_of, strike_text
from sos_actors.types import OptionType, Segment
from sos_actors.vendors.upstox.instruments import upstox_master

NIFTY_EXPIRY_MS = 1_768_328_999_000
"""13 January 2026, 23:59:59 in India."""


def _row(segment: str, kind: str, key: str, token: str, name: str, **more: Any) -> dict[str, Any]:
    common = {"exchange": "NSE", "name": name, "segment": segment, "instrument_type": kind, "instrument_key": key}
    return {**common, "exchange_token": token, "trading_symbol": name, **more}


def _option(token: str, name: str, strike: float, kind: str, expiry: int = NIFTY_EXPIRY_MS) -> dict[str, Any]:
    return _row(
        "NSE_FO", kind, f"NSE_FO|{token}", token, name, lot_size=65, tick_size=5.0, freeze_quantity=1755.0,
        underlying_symbol="NIFTY", underlying_type="INDEX", expiry=expiry, strike_price=strike,
    )  # fmt: skip


def _share(token: str, name: str, isin: str, series: str = "EQ") -> dict[str, Any]:
    units = {"lot_size": 1, "tick_size": 10.0, "freeze_quantity": 100000.0, "isin": isin}
    return _row("NSE_EQ", series, f"NSE_EQ|{isin}", token, name, **units)


def _rows() -> list[dict[str, Any]]:
    return [
        _row("NSE_COM", "FUT", "NSE_COM|1", "1", "GOLD FUT 05 FEB 26", lot_size=1, tick_size=100.0, expiry=1),
        _share("9", "M&M", "INE101A08888", "N3"),
        _share("2031", "M&M", "INE101A01026"),
        _share("2885", "RELIANCE", "INE002A01018"),
        _share("16669", "BAJAJ-AUTO", "INE917I01010"),
        _option("50912", "NIFTY 25600 CE 13 JAN 26", 25600.0, "CE"),
        _option("50911", "NIFTY 25600 PE 13 JAN 26", 25600.0, "PE"),
        _option("50910", "NIFTY 25550 PE 13 JAN 26", 25550.0, "PE"),
        _option("50909", "NIFTY 25600 CE 20 JAN 26", 25600.0, "CE", NIFTY_EXPIRY_MS + 7 * 86_400_000),
        _option("50908", "NIFTY FUT 20 JAN 26", 0.0, "FUT", NIFTY_EXPIRY_MS + 7 * 86_400_000),
        _row("NSE_INDEX", "INDEX", "NSE_INDEX|Nifty 50", "26000", "NIFTY"),
    ]


def _write(folder: Path, content: object) -> Path:
    path = folder / "NSE.json.gz"
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    return path


@pytest.fixture
def master(tmp_path: Path) -> SymbolMaster:
    return upstox_master(_write(tmp_path, _rows()))


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("NSE|INDEX|NIFTY", "NSE|INDEX|NIFTY"),
        ("nifty", "NSE|INDEX|NIFTY"),
        (" NSE_INDEX|Nifty 50 ", "NSE|INDEX|NIFTY"),
        ("26000", "NSE|INDEX|NIFTY"),
        ("NSE:NIFTY", "NSE|INDEX|NIFTY"),
        ("Reliance", "NSE|EQ|RELIANCE"),
        ("NSE_EQ|INE002A01018", "NSE|EQ|RELIANCE"),
        ("2885", "NSE|EQ|RELIANCE"),
        ("NSE:RELIANCE", "NSE|EQ|RELIANCE"),
        ("NSE:M_M", "NSE|EQ|M&M"),
        ("NSE:M&M", "NSE|EQ|M&M"),
        ("NSE:BAJAJ_AUTO", "NSE|EQ|BAJAJ-AUTO"),
        ("NSE|FO|NIFTY 25600 CE 13 JAN 26", "NSE|FO|NIFTY 25600 CE 13 JAN 26"),
        ("nifty 25600.0 ce 13 jan 26", "NSE|FO|NIFTY 25600 CE 13 JAN 26"),
        ("NSE_FO|50912", "NSE|FO|NIFTY 25600 CE 13 JAN 26"),
        ("50912", "NSE|FO|NIFTY 25600 CE 13 JAN 26"),
        ("NIFTY FUT 20 JAN 26", "NSE|FO|NIFTY FUT 20 JAN 26"),
    ],
)
def test_every_spelling_resolves(master: SymbolMaster, spelling: str, symbol: str) -> None:
    assert master.resolve(spelling).symbol == symbol


def test_a_contract_carries_what_an_order_needs(master: SymbolMaster) -> None:
    option = master.resolve("NIFTY 25600 CE 13 JAN 26")
    assert (option.lot_size, option.tick_size, option.freeze_quantity) == (65, 0.05, 1755)
    assert (option.underlying, option.expiry, option.strike) == ("NSE|INDEX|NIFTY", date(2026, 1, 13), 25600.0)
    assert option.option_type is OptionType.CE
    assert master.option("nifty", date(2026, 1, 13), 25600, OptionType.CE) is option
    future = master.futures("NIFTY")[0]
    assert (future.strike, future.option_type, future.segment) == (None, None, Segment.FO)


def test_an_index_has_no_lot_and_no_tick(master: SymbolMaster) -> None:
    index = master.resolve("NIFTY")
    assert (index.lot_size, index.freeze_quantity) == (0, 0)
    assert math.isnan(index.tick_size)


def test_contracts_and_expiries_are_in_order(master: SymbolMaster) -> None:
    assert master.expiries("NIFTY") == [date(2026, 1, 13), date(2026, 1, 20)]
    names = [option.short_name for option in master.contracts("NSE:NIFTY", date(2026, 1, 13))]
    assert names == ["NIFTY 25550 PE 13 JAN 26", "NIFTY 25600 CE 13 JAN 26", "NIFTY 25600 PE 13 JAN 26"]
    assert master.contracts("NIFTY", date(2026, 1, 14)) == []
    assert master.expiries("RELIANCE") == []


def test_bonds_and_commodities_are_left_out(master: SymbolMaster) -> None:
    assert master.resolve("M&M").isin == "INE101A01026"
    assert len(master) == len(list(master)) == 9


def test_of_two_series_of_a_share_the_normal_one_counts(tmp_path: Path) -> None:
    normal, trade_to_trade = _share("2", "ABC", "INE000A01011"), _share("3", "ABC", "INE000A01029", "BE")
    for rows in ([normal, trade_to_trade], [trade_to_trade, normal]):
        assert upstox_master(_write(tmp_path, rows)).resolve("ABC").exchange_token == "2"


@pytest.mark.parametrize(
    ("spelling", "answer"),
    [
        ("RELIANC", "Did you mean RELIANCE?"),
        ("NSE:RELIANCES", "Did you mean RELIANCE?"),
        ("QQQQ", "Nothing has a similar name"),
        ("", "Nothing has a similar name"),
        ("NIFTY 25590 CE 13 JAN 26", "nearest strikes listed for 13 JAN 26 are 25550, 25600"),
        ("NIFTY 25600 CE 14 JAN 26", "next expiries of NIFTY are 13 JAN 26, 20 JAN 26"),
        ("NIFTY FUT 13 JAN 26", "next expiries"),
        ("RELIANCE 1500 CE 27 JAN 26", "lists no contract of RELIANCE"),
        ("NIFTY 25600 CE 31 FEB 26", "a day that does not exist"),
        ("RELIANC 1500 CE 27 JAN 26", "Did you mean RELIANCE?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(master: SymbolMaster, spelling: str, answer: str) -> None:
    with pytest.raises(UnknownSymbolError, match=answer):
        master.resolve(spelling)


def test_an_imported_share_can_be_added_and_a_listed_one_replaced(master: SymbolMaster) -> None:
    more = master.added(imported_instrument("satyam"), imported_instrument("RELIANCE"))
    assert more.resolve("SATYAM").symbol == "NSE|EQ|SATYAM"
    assert (more.resolve("SATYAM").lot_size, more.resolve("SATYAM").tick_size) == (1, 0.05)
    assert more.resolve("RELIANCE").instrument_key is None
    assert master.resolve("RELIANCE").instrument_key == "NSE_EQ|INE002A01018", "the first master is unchanged"


def test_one_symbol_twice_is_refused() -> None:
    share = imported_instrument("SATYAM")
    with pytest.raises(DataError, match=r"twice: NSE\|EQ\|SATYAM"):
        SymbolMaster.from_instruments([share, share])


def test_the_built_in_master_names_the_simulated_market() -> None:
    master = default_master()
    assert [i.short_name for i in master if i.segment is Segment.INDEX] == ["NIFTY", "BANKNIFTY"]
    assert len([i for i in master if i.segment is Segment.EQ]) == 12
    assert master.resolve("NSE_EQ|INE002A01018") == master.resolve("RELIANCE")
    assert all(i.isin is not None and i.tick_size > 0 for i in master if i.segment is Segment.EQ)


def _without(key: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != key} for row in _rows()]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"data": []}, "not as expected: Expected `array`"),
        ([1, 2], "not as expected"),
        ([], "holds no NSE index"),
        (_without("trading_symbol"), "trading_symbol"),
        (_without("expiry"), r"row NSE_FO\|50912 has no 'expiry'"),
        (_without("lot_size"), "has no 'lot_size'"),
        (_without("underlying_symbol"), "has no 'underlying_symbol'"),
        ([{**_rows()[1], "tick_size": "ten"}], "tick_size"),
        ([{**_rows()[1], "lot_size": 65.5}], "lot_size"),
        ([{**_rows()[5], "expiry": 2**62}], "which is no date"),
        ([_rows()[5], _rows()[5]], "names an instrument twice"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, content: object, complaint: str) -> None:
    path = _write(tmp_path, content)
    with pytest.raises(DataError, match=complaint) as refusal:
        upstox_master(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>not found</html>", "is not JSON"),
        (b"", "is not JSON"),
        (gzip.compress(json.dumps(_rows()).encode())[:-40], "cut off or damaged"),
        (b"\x1f\x8bjunkjunkjunk", "Cannot read"),
        (b'[{"segment": "\xff"}]', "is not JSON"),
    ],
)
def test_a_torn_or_foreign_file_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "NSE.json.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        upstox_master(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"NSE\.json: No such file .*Download NSE\.json\.gz again"):
        upstox_master(tmp_path / "NSE.json")


def test_an_unpacked_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "NSE.json"
    path.write_text(json.dumps(_rows()))
    assert upstox_master(path).resolve("26000").short_name == "NIFTY"


@given(
    st.sampled_from(["NIFTY", "M&M", "BAJAJ-AUTO", "360ONE"]),
    st.integers(1, 4_000_000).map(lambda ticks: ticks * 5 / 100),
    st.sampled_from(OptionType),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
)
def test_contract_names_can_be_read_back(short: str, strike: float, option_type: OptionType, expiry: date) -> None:
    symbol = contract_symbol(short, strike, option_type, expiry)
    spec = ContractSpec(short, expiry, strike, option_type)
    assert parse_contract_symbol(symbol) == spec
    assert parse_contract_symbol(short_name_of(symbol).lower()) == spec


def test_names_are_written_as_the_exchange_does() -> None:
    assert contract_symbol("NIFTY", 25600.0, OptionType.CE, date(2026, 1, 6)) == "NSE|FO|NIFTY 25600 CE 06 JAN 26"
    assert [strike_text(strike) for strike in (24350.0, 102.5, 123456.75, 100)] == [
        "24350",
        "102.5",
        "123456.75",
        "100",
    ]
    assert future_symbol("NIFTY", date(2026, 1, 27)) == "NSE|FO|NIFTY FUT 27 JAN 26"
    assert parse_contract_symbol("NIFTY FUT 27 JAN 26") == ContractSpec("NIFTY", date(2026, 1, 27), None, None)
    assert canonical_for("banknifty") == "NSE|INDEX|BANKNIFTY"
    assert canonical_for("reliance") == "NSE|EQ|RELIANCE"


@pytest.mark.parametrize(
    "text", ["NIFTY", "NIFTY 25600 XX 13 JAN 26", "NIFTY 25600 CE 13 ABC 26", "NIFTY CE 13 JAN 26"]
)
def test_what_is_no_contract_name_is_refused(text: str) -> None:
    with pytest.raises(UnknownSymbolError, match="does not name a contract"):
        parse_contract_symbol(text)


def test_the_real_master(shared_data: Path) -> None:
    """Upstox's file of mid-January 2026: 86,109 rows, of which 44,629 are indices, shares and F&O contracts."""
    master = upstox_master(shared_data / "instruments/upstox_nse_2026-01.json.gz")
    assert len(master) == 44_629
    for contract in master:
        if contract.strike is not None and contract.option_type is not None and contract.expiry is not None:
            underlying = short_name_of(contract.underlying or "")
            name = contract_symbol(underlying, contract.strike, contract.option_type, contract.expiry)
            assert contract.symbol == name
        for spelling in (contract.symbol, contract.short_name, contract.instrument_key, contract.exchange_token):
            assert spelling is not None
            assert master.resolve(spelling) is contract
    assert master.expiries("NIFTY")[:2] == [date(2026, 1, 13), date(2026, 1, 20)]
    assert master.resolve("NSE:M_M").symbol == "NSE|EQ|M&M"
    assert master.resolve("NSE:CNXFINANCE").short_name == "FINNIFTY"
    assert len(master.contracts("BANKNIFTY", date(2026, 1, 27))) > 200
