"""Snapshots and breadth out of candles, on numbers small enough to check by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sos_actors.app.ingest.breadth_history import breadth_of
from sos_actors.app.ingest.chain_history import Session, chain_of, every, measures_of, with_volatilities
from sos_actors.app.ingest.contracts import Span, wanted_contracts
from sos_actors.messages.market import BarSeries
from sos_actors.types import NANOS_PER_MINUTE

MINUTE = NANOS_PER_MINUTE
DAY = 24 * 60 * MINUTE
START = 20_465 * DAY - 330 * MINUTE
OPEN = START + (9 * 60 + 15) * MINUTE
EXPIRY = date(2026, 1, 13)
EXPIRY_CLOSE = START + (15 * 60 + 30) * MINUTE


def bars(rows: list[tuple[int, float, float, float]]) -> BarSeries:
    """Bars of (ts, close, volume, oi)."""
    ts, close, volume, oi = (np.array(column) for column in zip(*rows, strict=True))
    return BarSeries(ts.astype(np.int64), close, close, close, close, volume.astype(float), oi.astype(float))


def session(minutes: int) -> Session:
    opens = OPEN + np.arange(minutes) * MINUTE
    return Session(opens, START, np.full(minutes, 25_610.0))


CALL = "NSE|FO|NIFTY 25600 CE 13 JAN 26"
PUT = "NSE|FO|NIFTY 25600 PE 13 JAN 26"
HIGHER = "NSE|FO|NIFTY 25650 CE 13 JAN 26"
BARS = {
    CALL: bars([(OPEN - DAY, 90.0, 65, 1_000), (OPEN, 100.0, 65, 1_300), (OPEN + 2 * MINUTE, 104.0, 130, 1_950)]),
    PUT: bars([(OPEN - DAY, 80.0, 65, 2_000), (OPEN + MINUTE, 70.0, 65, 2_600)]),
    HIGHER: bars([(OPEN + MINUTE, 60.0, 65, 650)]),
}


def test_a_snapshot_holds_what_was_known_when_the_minute_before_it_closed() -> None:
    chain = chain_of(BARS, session(3), EXPIRY)

    assert chain.ts.tolist() == np.repeat(OPEN + np.arange(1, 4) * MINUTE, 2).tolist()
    assert chain.strike.tolist() == [25_600.0, 25_650.0] * 3
    assert chain.ce_oi[::2].tolist() == [1_300, 1_300, 1_950]
    assert chain.pe_oi[::2].tolist() == [2_000, 2_600, 2_600]  # yesterday's until today's first trade
    assert chain.ce_oi_change[::2].tolist() == [300, 300, 950]
    assert chain.ce_volume[::2].tolist() == [65, 65, 195]
    np.testing.assert_array_equal(chain.pe_ltp[::2], [np.nan, 70.0, 70.0])  # not traded today is not yesterday's price


def test_what_a_contract_never_said_stays_unknown() -> None:
    chain = chain_of(BARS, session(3), EXPIRY)

    np.testing.assert_array_equal(chain.ce_oi[1::2], [np.nan, 650.0, 650.0])
    np.testing.assert_array_equal(chain.ce_oi_change[1::2], [np.nan] * 3)  # no session before to change from
    assert np.isnan(chain.pe_oi[1::2]).all()
    assert np.isnan(chain.ce_iv).all()


def test_the_measures_are_those_of_the_snapshots() -> None:
    measures = measures_of(chain_of(BARS, session(3), EXPIRY), EXPIRY_CLOSE)

    assert measures.ts.tolist() == (OPEN + np.arange(1, 4) * MINUTE).tolist()
    np.testing.assert_allclose(measures.pcr, [2_000 / 1_300, 2_600 / 1_950, 2_600 / 2_600])
    assert np.isnan(measures.advances).all()


def test_the_call_at_the_money_has_a_volatility_and_greeks_once_there_is_a_pair_of_prices() -> None:
    measures = measures_of(chain_of(BARS, session(3), EXPIRY), EXPIRY_CLOSE)

    assert np.isnan(measures.atm_iv[0])
    assert (measures.atm_iv[1:] > 0.0).all()
    assert (measures.atm_delta[1:] > 0.0).all()
    assert (measures.atm_delta[1:] < 1.0).all()
    assert (measures.atm_theta[1:] < 0.0).all()
    assert (measures.atm_vega[1:] > 0.0).all()
    assert (measures.atm_gamma[1:] > 0.0).all()


def test_nothing_later_changes_a_snapshot() -> None:
    shorter = {symbol: one[one.ts <= OPEN + MINUTE] for symbol, one in BARS.items()}

    early, late = chain_of(shorter, session(2), EXPIRY), chain_of(BARS, session(3), EXPIRY)

    for name in ("ce_oi", "pe_oi", "ce_ltp", "pe_ltp", "ce_volume", "ce_oi_change"):
        np.testing.assert_array_equal(getattr(early, name), getattr(late, name)[:4])


def test_volatility_comes_from_the_prices_and_is_unknown_without_them() -> None:
    chain = with_volatilities(chain_of(BARS, session(3), EXPIRY), EXPIRY_CLOSE)

    assert np.isnan(chain.ce_iv[:2]).all()  # no pair of prices yet, so no forward
    assert chain.ce_iv[2] > 0.0
    assert chain.pe_iv[2] == pytest.approx(chain.ce_iv[2], rel=1e-6)  # put-call parity


def test_thinned_snapshots_keep_whole_ones_and_the_last() -> None:
    chain = chain_of(BARS, session(12), EXPIRY)

    kept = every(chain, 5)

    assert np.unique((kept.ts - OPEN) // MINUTE).tolist() == [5, 10, 12]
    assert len(kept) == 6
    assert len(every(chain, 1)) == len(chain)


def test_breadth_counts_against_the_previous_close() -> None:
    members = {
        "UP": bars([(OPEN - DAY, 100.0, 1, 0), (OPEN, 101.0, 1, 0), (OPEN + 2 * MINUTE, 99.0, 1, 0)]),
        "DOWN": bars([(OPEN - DAY, 100.0, 1, 0), (OPEN + MINUTE, 99.0, 1, 0)]),
        "NEW": bars([(OPEN, 50.0, 1, 0)]),
    }

    counts = breadth_of(members, OPEN + np.arange(3) * MINUTE, START, size=2)

    assert counts.ts.tolist() == (OPEN + np.arange(1, 4) * MINUTE).tolist()
    assert counts.advances.tolist() == [1, 1, 0]
    assert counts.declines.tolist() == [0, 1, 2]


def test_breadth_of_too_few_members_is_unknown() -> None:
    members = {"UP": bars([(OPEN - DAY, 100.0, 1, 0), (OPEN, 101.0, 1, 0)])}

    assert len(breadth_of(members, OPEN + np.arange(3) * MINUTE, START, size=50)) == 0


def contracts(*strikes: int) -> list[str]:
    return [f"NSE|FO|NIFTY {strike} {kind} 13 JAN 26" for strike in strikes for kind in ("CE", "PE")]


def test_contracts_between_low_and_high_and_some_strikes_beyond_are_wanted() -> None:
    listed = contracts(25_000, 25_500, 25_550, 25_600, 25_650, 25_700, 25_750, 26_000)
    day = date(2026, 1, 12)

    wanted = wanted_contracts(listed, {day: Span(25_590.0, 25_660.0)}, 1)

    assert {symbol.split()[1] for symbol in wanted} == {"25550", "25600", "25650", "25700"}
    assert all(days == {day} for days in wanted.values())


def test_each_session_wants_its_own_contracts() -> None:
    listed = contracts(25_500, 25_550, 25_600, 25_650)
    first, second = date(2026, 1, 12), date(2026, 1, 13)

    wanted = wanted_contracts(listed, {first: Span(25_510, 25_540), second: Span(25_610, 25_640)}, 2)

    assert wanted[contracts(25_500)[0]] == {first}
    assert wanted[contracts(25_650)[1]] == {second}
    assert wanted[contracts(25_550)[0]] == {first, second}


def test_all_contracts_are_wanted_without_a_limit() -> None:
    listed = contracts(20_000, 25_600, 30_000)

    assert set(wanted_contracts(listed, {EXPIRY: Span(25_600, 25_601)}, None)) == set(listed)
