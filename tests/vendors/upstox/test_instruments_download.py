"""The instrument file: whole or not at all, and how old it is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sos_actors.errors import StoreFullError, VendorAnswerError, VendorBusyError, VendorError, VendorUnreachableError
from sos_actors.vendors.upstox.instruments_download import age_s, download_instruments, is_current
from tests.vendors.scripted import Step, page, reply, reset
from tests.vendors.upstox.connected import NIFTY_KEY, at, connected

INDEX: dict[str, Any] = {
    "segment": "NSE_INDEX", "name": "Nifty 50", "exchange": "NSE", "instrument_type": "INDEX",
    "instrument_key": NIFTY_KEY, "exchange_token": "26000", "trading_symbol": "NIFTY",
}  # fmt: skip
FILE = gzip.compress(json.dumps([INDEX]).encode())


def test_the_file_is_fetched_read_and_put_in_place_with_the_clocks_time(tmp_path: Path) -> None:
    path = tmp_path / "data" / "instruments.json.gz"
    with connected([reply(FILE, content_type="application/gzip")]) as rig:
        found = download_instruments(rig.connection, path)
    assert (found.path, found.instruments, found.fetched) == (path, 1, rig.now)
    assert path.read_bytes() == FILE
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mtime_ns == rig.now
    [request] = rig.site.requests
    assert request.headers["user-agent"] == "sos-actors"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (page(), VendorAnswerError),
        (reply({}), VendorAnswerError),
        (reply([]), VendorAnswerError),
        (reply(b""), VendorAnswerError),
        (reply(FILE[:40]), VendorAnswerError),
        (page(status=403), VendorError),
        (page(status=404), VendorAnswerError),
        (reply(b"", status=204), VendorAnswerError),
        (page(status=503), VendorBusyError),
        (reset, VendorUnreachableError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf", VendorUnreachableError),
    ],
)
def test_whatever_else_comes_leaves_the_old_file_as_it_is(tmp_path: Path, step: Step, kind: type[VendorError]) -> None:
    path = tmp_path / "instruments.json.gz"
    path.write_bytes(b"old")
    with connected([step]) as rig, pytest.raises(kind):
        download_instruments(rig.connection, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with connected([reply(FILE)]) as rig, pytest.raises(StoreFullError, match="Cannot write"):
        download_instruments(rig.connection, tmp_path / "file" / "instruments.json.gz")


def test_a_file_is_current_until_the_next_morning_at_six(tmp_path: Path) -> None:
    path = tmp_path / "instruments.json.gz"
    assert age_s(path, at("2026-01-13 10:00:00")) is None
    assert not is_current(path, at("2026-01-13 10:00:00"))
    with connected([reply(FILE)], now="2026-01-13 10:00:30") as rig:
        download_instruments(rig.connection, path)
    assert age_s(path, at("2026-01-13 10:01:00")) == 30
    assert is_current(path, at("2026-01-14 05:59:00"))
    assert not is_current(path, at("2026-01-14 06:01:00"))
    assert not is_current(path, at("2026-01-12 10:00:00")), "a file from the future is another clock's"
