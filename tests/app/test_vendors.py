"""Connecting the vendors: each knows what it needs to know of the others."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sos_actors.app.vendors import connect_vendors
from sos_actors.config import Config
from sos_actors.types import NANOS_PER_SECOND, NO_SECRET, UnixNanos
from tests.vendors.scripted import Request, Step, reply, serving

NOW = UnixNanos(int(datetime(2026, 1, 23, 6, 30, tzinfo=UTC).timestamp()) * NANOS_PER_SECOND)
TCS: dict[str, Any] = {
    "segment": "NSE_EQ", "instrument_type": "EQ", "instrument_key": "NSE_EQ|INE467B01029", "exchange_token": "11536",
    "trading_symbol": "TCS", "lot_size": 1, "tick_size": 10.0, "freeze_quantity": 100000.0, "isin": "INE467B01029",
}  # fmt: skip
CALL: dict[str, Any] = {
    "segment": "NSE_FO", "instrument_type": "CE", "instrument_key": "NSE_FO|1", "exchange_token": "1",
    "trading_symbol": "TCS 3000 CE 27 JAN 26", "lot_size": 175, "tick_size": 5.0, "freeze_quantity": 7000.0,
    "underlying_symbol": "TCS", "underlying_type": "EQUITY", "expiry": 1769538599000, "strike_price": 3000.0,
}  # fmt: skip


def chain(request: Request) -> Step:
    if request.path == "/option-chain":
        return reply("<html>ok</html>", content_type="text/html")
    legs = {"CE": {"identifier": "x", "strikePrice": 3000, "openInterest": 4}, "PE": {"identifier": None}}
    row = {"expiryDates": "27-Jan-2026", "strikePrice": 3000, **legs}
    return reply({"records": {"timestamp": "23-Jan-2026 11:59:30", "data": [row]}})


def test_nse_knows_the_lots_of_the_brokers_list(tmp_path: Path) -> None:
    listed = tmp_path / "instruments.json.gz"
    listed.write_bytes(gzip.compress(json.dumps([TCS, CALL]).encode()))
    os.utime(listed, ns=(NOW, NOW))
    with serving(chain) as site:
        config = Config()
        config = replace(config, nse=replace(config.nse, url=site.url, min_gap_s=0.0))
        with connect_vendors(config, NO_SECRET, listed, lambda: NOW) as vendors:
            found = vendors.nse.chain("NSE|EQ|TCS", date(2026, 1, 27))
    assert found.ce_oi.tolist() == [4 * 175]
