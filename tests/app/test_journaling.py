from __future__ import annotations

import os
import string
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgpack
import pytest

from sos_actors.app.journaling import (
    build_engine,
    code_fingerprint,
    find_journal,
    journal_path,
    journals,
    listed_contracts,
    new_nonce,
    run_of,
    strategies_of,
)
from sos_actors.app.session_header import SessionHeader, StrategyText, config_from
from sos_actors.config import Config, Mood, Paths, Sizing
from sos_actors.engine.holdings import UNSLICED
from sos_actors.errors import JournalError, MissingDataError, StrategyError
from sos_actors.messages.market import TimerFired
from sos_actors.types import Regime, UnixNanos
from tests.app.journals import CONFIG, header_of, play, stocks
from tests.engine.markets import NIFTY, SECOND, STOCKS, minute


def test_a_header_comes_back_as_it_was() -> None:
    header = header_of((NIFTY, STOCKS[0]))
    assert SessionHeader.decode(header.encode()) == header


def test_any_msgpack_reader_sees_a_header_by_name() -> None:
    document = msgpack.unpackb(header_of().encode())
    assert document["format"] == 1
    assert document["day"] == "2026-01-13"
    assert document["nonce"] == "ab12"
    assert document["config"]["risk"]["max_trades_per_day"] == 60
    assert set(document) == {"format", *(one.name for one in fields(SessionHeader))}


def test_a_header_holds_nothing_of_where_things_are_on_this_machine() -> None:
    config = replace(CONFIG, paths=Paths(Path("/home/planted-folder"), Path("/home/planted-folder/strategies")))
    assert b"planted-folder" not in header_of(config=config).encode()


@pytest.mark.parametrize("document", [{}, {"format": 2}, {"format": 1}, {"format": 1, "run": 5}])
def test_what_is_no_header_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(JournalError):
        SessionHeader.decode(msgpack.packb(document))


def test_the_configuration_comes_back_in_its_own_types() -> None:
    config = replace(
        Config(), mood=Mood((Regime.SIDEWAYS, Regime.UNKNOWN), "BANKNIFTY", 90), sizing=Sizing("risk", 2, 500.0)
    )
    back = config_from(msgpack.unpackb(msgpack.packb(config.as_document())))
    assert back == config
    assert type(back.mood.veto_regimes[0]) is Regime


@pytest.mark.parametrize(
    "document", [{"nonsense": {"a": 1}}, {"risk": {"nonsense": 1}}, {"risk": {"max_open_positions": -1}}]
)
def test_a_configuration_of_another_version_is_refused(document: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(JournalError, match="not one of this version"):
        config_from(document)


def test_two_engines_of_one_header_decide_alike_and_know_its_contracts(tmp_path: Path) -> None:
    header = header_of(STOCKS[:2])
    played = play(tmp_path / "a.sosj", stocks(), header)
    again = build_engine(SessionHeader.decode(header.encode()))
    repeated = [decision for event in played.events for decision in again.step(event)]
    assert repeated == played.decisions
    assert len(again.trades) > 5
    rules = again._rules
    assert rules.listed("NIFTY", SECOND) == [date(2026, 1, 13), date(2026, 1, 20)]
    assert rules.listed("NIFTY", date(2026, 1, 14)) == [date(2026, 1, 20)]
    terms = rules.contracts.terms("NIFTY", date(2026, 1, 20), SECOND)
    assert (terms.lot, terms.tick) == (65, 0.05)
    assert terms.rates == header.option_rates
    assert rules.contracts.strike_step("NIFTY") == 50.0


def test_what_the_header_does_not_know_is_said_and_not_guessed() -> None:
    rules = build_engine(header_of())._rules
    with pytest.raises(JournalError, match="BANKNIFTY"):
        rules.contracts.strike_step("BANKNIFTY")
    with pytest.raises(JournalError, match="2026-02-24"):
        rules.contracts.terms("NIFTY", date(2026, 2, 24), SECOND)


def test_a_strategy_that_is_refused_now_is_named() -> None:
    header = replace(header_of(), strategies=(StrategyText("odd.json", "{}"),))
    with pytest.raises(StrategyError, match=r"odd\.json"):
        strategies_of(header)


def test_an_unknown_freeze_quantity_is_counted_as_one_order() -> None:
    listed = listed_contracts("NIFTY", [date(2026, 1, 13)], SECOND)
    assert listed[0].lot == 65
    assert 0 < listed[0].freeze < UNSLICED
    assert listed[0].freeze % 65 == 0


def test_a_nonce_fits_into_an_order_s_tag() -> None:
    nonces = {new_nonce() for _ in range(50)}
    assert len(nonces) > 40
    assert all(len(one) == 4 and set(one) <= {*string.ascii_lowercase, *string.digits} for one in nonces)


def test_the_fingerprint_of_the_code_is_stable_and_ignores_what_decides_nothing() -> None:
    assert code_fingerprint() == code_fingerprint()
    assert len(code_fingerprint()) == 16


def test_real_data_has_one_journal_a_day_and_simulated_runs_have_their_own() -> None:
    assert journal_path(Path("var"), SECOND) == Path("var/journal/2026-01-13.sosj")
    assert journal_path(Path("var"), SECOND, "r2") == Path("var/journal/2026-01-13-r2.sosj")


def test_a_journal_is_found_by_file_day_and_run_and_the_latest_without_any(tmp_path: Path) -> None:
    config = replace(Config(), paths=Paths(tmp_path, tmp_path))
    with pytest.raises(MissingDataError, match="none"):
        find_journal(config)
    own = journal_path(tmp_path, SECOND)
    runs = [journal_path(tmp_path / "simulated" / "seed-7", SECOND, name) for name in ("a", "b")]
    for age, path in enumerate([own, *runs]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        os.utime(path, (1000 + age, 1000 + age))
    assert find_journal(config) == runs[1]
    assert find_journal(config, "2026-01-13", "a") == runs[0]
    assert find_journal(config, str(own)) == own
    with pytest.raises(MissingDataError, match=r"2026-01-14.*2026-01-13 b"):
        find_journal(config, "2026-01-14")


def test_each_simulated_session_has_a_folder_whose_name_is_its_run(tmp_path: Path) -> None:
    config = replace(Config(), paths=Paths(tmp_path, tmp_path))
    sessions = tmp_path / "simulated" / "seed-7" / "sessions"
    paths = [journal_path(sessions / f"2026-01-13-{run}", SECOND) for run in ("k3", "p9")]
    for age, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        os.utime(path, (1000 + age, 1000 + age))
    assert [run_of(path) for path in journals(tmp_path)] == ["k3", "p9"]
    assert find_journal(config, "2026-01-13", "k3") == paths[0]
    assert find_journal(config) == paths[1]


def test_an_engine_is_fresh_whenever_it_is_built() -> None:
    header = header_of(STOCKS[:1])
    one, two = build_engine(header), build_engine(header)
    assert one.step(TimerFired(UnixNanos(minute(SECOND, 1)))) == []
    assert len(one.signals) == len(two.signals) == 0
    assert one.account.book is not two.account.book
