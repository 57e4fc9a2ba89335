"""The instrument file and the search over it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date, time
from typing import Any

import pytest

from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Answer, Broker, broker
from tests.simulator.upstox.staged import CALL, LISTED, NIFTY, PAST, RELIANCE, TODAY, staged_world

FILE, SEARCH = "/market-quote/instruments/exchange/NSE.json.gz", "/v2/instruments/search"


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world(strictness=Strictness(rate_limits=False))) as running:
        yield running


def rows_of(answer: Answer) -> dict[str, dict[str, Any]]:
    assert answer.status == 200
    return {row["instrument_key"]: row for row in json.loads(gzip.decompress(answer.body))}


def test_the_file_lists_everything_once(upstox: Broker) -> None:
    answer = upstox.ask(FILE, token=None)

    assert set(rows_of(answer)) == {listing.key for listing in LISTED}
    assert "Content-Encoding" not in answer.headers
    assert upstox.ask(FILE.replace("NSE", "complete"), token=None).body == answer.body


def test_a_contract_expires_at_the_last_second_of_its_day_and_its_tick_is_in_paise(upstox: Broker) -> None:
    row = rows_of(upstox.ask(FILE))[CALL]

    assert row["expiry"] == moment_of(TODAY, time(23, 59, 59)) // 10**6
    assert (row["tick_size"], row["strike_price"], row["lot_size"]) == (5.0, 25_500.0, 65)
    assert row["freeze_quantity"] == 1_755.0
    assert row["underlying_key"] == row["asset_key"] == NIFTY


def test_an_index_has_no_lot_and_a_share_an_isin(upstox: Broker) -> None:
    rows = rows_of(upstox.ask(FILE))

    assert "lot_size" not in rows[NIFTY]
    assert rows[RELIANCE]["isin"] == "INE002A01018"


def test_the_file_is_made_at_six_in_the_morning() -> None:
    morning = date(2026, 1, 7)
    with broker(staged_world(moment_of(morning, time(5, 59)))) as upstox:
        before = upstox.ask(FILE)
        upstox.world.clock.set(moment_of(morning, time(6)))
        after = upstox.ask(FILE)

    expired = moment_of(PAST, time(23, 59, 59)) // 10**6
    assert rows_of(before)[CALL]["expiry"] == expired
    assert rows_of(after)[CALL]["expiry"] > expired
    assert before.headers["Last-Modified"] == "Tue, 06 Jan 2026 00:30:00 GMT"


@pytest.mark.parametrize("headers", [{}, {"User-Agent": ""}])
def test_a_caller_that_does_not_say_who_it_is_is_turned_away(upstox: Broker, headers: dict[str, str]) -> None:
    assert upstox.ask(FILE, headers=headers).status == 403


def test_a_file_that_does_not_exist_is_denied(upstox: Broker) -> None:
    answer = upstox.ask(FILE.replace("NSE", "LSE"))

    assert answer.status == 403
    assert b"AccessDenied" in answer.body


def found(upstox: Broker, **query: object) -> list[str]:
    answer = upstox.ask(SEARCH, query=query)
    assert answer.document["meta_data"]["page"]["records"] == len(answer.data)
    return [row["trading_symbol"] for row in answer.data]


def test_a_search_finds_what_holds_every_word(upstox: Broker) -> None:
    assert found(upstox, query="nifty 25600 ce") == ["NIFTY 25600 CE 13 JAN 26", "NIFTY 25600 CE 27 JAN 26"]
    assert found(upstox, query="reliance industries") == ["RELIANCE"]
    assert found(upstox, query="nothing like it") == []


def test_a_search_can_be_narrowed(upstox: Broker) -> None:
    assert found(upstox, query="nifty", segments="INDEX") == ["NIFTY", "BANKNIFTY"]
    assert found(upstox, query="nifty", segments="FUT") == ["NIFTY FUT 27 JAN 26"]
    assert found(upstox, query="25500", instrument_types="PE", expiry="2026-01-27") == ["NIFTY 25500 PE 27 JAN 26"]
    assert found(upstox, query="nifty", exchanges="BSE") == []


def test_a_search_can_count_strikes_from_the_money(upstox: Broker) -> None:
    near = found(upstox, query="nifty", segments="OPT", expiry="2026-01-13", atm_offset=1)

    assert near == ["NIFTY 25600 CE 13 JAN 26", "NIFTY 25600 PE 13 JAN 26"]


def test_a_search_comes_in_pages(upstox: Broker) -> None:
    answer = upstox.ask(SEARCH, query={"query": "nifty", "records": 5, "page_number": 2})

    assert answer.document["meta_data"]["page"] == {
        "page_number": 2,
        "total_pages": 3,
        "records": 5,
        "total_records": 15,
    }
    assert upstox.ask(SEARCH, query={"query": "nifty", "records": 0}).code == "UDAPI100036"
    assert upstox.ask(SEARCH, query={"query": " "}).code == "UDAPI100036"


def test_a_found_contract_says_its_expiry_as_a_date(upstox: Broker) -> None:
    (row,) = upstox.ask(SEARCH, query={"query": "25700 PE 13"}).data

    assert row["expiry"] == "2026-01-13"
