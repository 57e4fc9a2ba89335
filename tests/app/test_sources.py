from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.filling import INSTRUMENTS
from sos_actors.app.sources import symbol_master
from sos_actors.config import Config, Paths
from sos_actors.errors import DataError, UnknownSymbolError

LISTED = {
    "segment": "NSE_EQ", "name": "ACME LTD", "exchange": "NSE", "isin": "INE000A01010", "instrument_type": "EQ",
    "instrument_key": "NSE_EQ|INE000A01010", "lot_size": 1, "freeze_quantity": 100000.0, "exchange_token": "1",
    "tick_size": 5.0, "trading_symbol": "ACME", "qty_multiplier": 1.0, "security_type": "NORMAL",
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return replace(Config(), paths=Paths(data_dir=tmp_path))


def test_without_a_list_of_the_brokers_the_built_in_one_serves(config: Config) -> None:
    assert symbol_master(config).resolve("nifty").symbol == "NSE|INDEX|NIFTY"
    with pytest.raises(UnknownSymbolError):
        symbol_master(config).resolve("ACME")


def test_the_brokers_list_in_the_data_folder_names_every_instrument(config: Config) -> None:
    (config.paths.data_dir / INSTRUMENTS).write_bytes(gzip.compress(json.dumps([LISTED]).encode()))
    for name in ("ACME", "NSE:ACME", "NSE_EQ|INE000A01010", "NSE|EQ|ACME"):
        assert symbol_master(config).resolve(name).isin == "INE000A01010"


def test_a_list_that_cannot_be_read_is_told_with_its_path(config: Config) -> None:
    (config.paths.data_dir / INSTRUMENTS).write_bytes(b"<html>")
    with pytest.raises(DataError, match=INSTRUMENTS):
        symbol_master(config)
