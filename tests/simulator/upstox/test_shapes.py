"""The answers have the keys and types of the documentation's samples and of captured answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Broker, broker
from tests.simulator.upstox.staged import CALL, NIFTY, RELIANCE, staged_world

OF_NIFTY = {"instrument_key": NIFTY}
WEEK = OF_NIFTY | {"expiry_date": "2026-01-13"}
PAST = OF_NIFTY | {"expiry_date": "2026-01-06"}
KEYED = frozenset(("get-full-market-quote", "get-market-quote-ohlc", "get-market-quote-ohlc-v3", "ltp", "ltp-v3"))
CANDLES = "/v3/historical-candle/NSE_FO%7C50001/minutes/1/2026-01-12/2026-01-12"

ANSWERS: dict[str, tuple[str, Mapping[str, str]]] = {
    "get-historical-candle-data": ("/v2/historical-candle/NSE_INDEX%7CNifty%2050/day/2026-01-12/2026-01-05", {}),
    "v3_get-historical-candle-data": (CANDLES, {}),
    "get-intra-day-candle-data": ("/v2/historical-candle/intraday/NSE_INDEX%7CNifty%2050/30minute", {}),
    "v3_get-intra-day-candle-data": ("/v3/historical-candle/intraday/NSE_INDEX%7CNifty%2050/minutes/5", {}),
    "get-expired-historical-candle-data": (
        "/v2/expired-instruments/historical-candle/NSE_FO%7C50001%7C06-01-2026/day/2026-01-06/2026-01-05",
        {},
    ),
    "get-expiries": ("/v2/expired-instruments/expiries", OF_NIFTY),
    "get-expired-option-contracts": ("/v2/expired-instruments/option/contract", PAST),
    "get-expired-future-contracts": (
        "/v2/expired-instruments/future/contract",
        OF_NIFTY | {"expiry_date": "2025-12-30"},
    ),
    "get-option-contracts": ("/v2/option/contract", OF_NIFTY),
    "get-pc-option-chain": ("/v2/option/chain", WEEK),
    "get-full-market-quote": ("/v2/market-quote/quotes", {"instrument_key": f"{RELIANCE},{NIFTY}"}),
    "get-market-quote-ohlc": ("/v2/market-quote/ohlc", {"instrument_key": RELIANCE, "interval": "1d"}),
    "get-market-quote-ohlc-v3": ("/v3/market-quote/ohlc", {"instrument_key": CALL, "interval": "I1"}),
    "ltp": ("/v2/market-quote/ltp", {"instrument_key": RELIANCE}),
    "ltp-v3": ("/v3/market-quote/ltp", {"instrument_key": f"{CALL},{NIFTY}"}),
    "option-greek": ("/v3/market-quote/option-greek", {"instrument_key": CALL}),
    "get-market-status": ("/v2/market/status/NSE", {}),
    "get-market-timings": ("/v2/market/timings/2026-01-13", {}),
    "get-market-holidays": ("/v2/market/holidays", {}),
    "get-profile": ("/v2/user/profile", {}),
    "get-market-data-feed-authorize": ("/v2/feed/market-data-feed/authorize", {}),
    "get-portfolio-stream-feed-authorize": ("/v2/feed/portfolio-stream-feed/authorize", {}),
}
"""Sample -> the request that is answered like it."""


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world(strictness=Strictness(rate_limits=False))) as running:
        yield running


def kind_of(value: object) -> str:
    """The JSON type; whole and broken numbers are one."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def differences(sample: Any, ours: Any, where: str = "$") -> list[str]:
    """Where an answer is not shaped like its sample. Null in a sample stands for anything."""
    if sample is None:
        return []
    if kind_of(sample) != kind_of(ours):
        return [f"{where}: {kind_of(ours)} instead of {kind_of(sample)}"]
    if isinstance(sample, dict):
        keys = [f"{where}: {key} is missing" for key in sample.keys() - ours.keys()]
        keys += [f"{where}: {key} is not in the sample" for key in ours.keys() - sample.keys()]
        common = sorted(sample.keys() & ours.keys())
        return keys + [each for key in common for each in differences(sample[key], ours[key], f"{where}.{key}")]
    if isinstance(sample, list) and sample:
        return [each for row in ours for each in differences(sample[0], row, f"{where}[]")]
    return []


def rowwise(sample: list[Any], ours: list[Any]) -> set[tuple[str, ...]]:
    """The column types our rows have and the sample's do not."""
    assert ours
    return {tuple(map(kind_of, row)) for row in ours} - {tuple(map(kind_of, row)) for row in sample}


def sample_of(folder: Path, name: str) -> Any:
    return json.loads((folder / "upstox" / "docs_samples" / f"{name}.json").read_text("utf-8"))["json_blocks"][0]


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_is_shaped_like_the_documentations_sample(upstox: Broker, shared_data: Path, name: str) -> None:
    path, query = ANSWERS[name]
    sample = sample_of(shared_data, name)
    ours = upstox.ask(f"{path}?{urlencode(query)}").document
    if "candle" in name:
        assert rowwise(sample["data"]["candles"], ours["data"]["candles"]) == set()
        return
    if name in KEYED or name == "option-greek":
        for document in (sample, ours):
            document["data"] = list(document["data"].values())
    assert ours["data"]
    assert differences(sample, ours) == []


def test_a_refusal_is_shaped_like_the_documentations(upstox: Broker, shared_data: Path) -> None:
    sample = sample_of(shared_data, "response-structure")
    both = json.loads((shared_data / "upstox/docs_samples/access-token-request.json").read_text("utf-8"))
    ours = upstox.ask("/v2/user/profile", token=None).document

    assert differences(both["json_blocks"][1], ours) == []
    assert sample["errors"][0].keys() <= ours["errors"][0].keys()


def test_a_captured_chain_has_the_keys_and_types_of_ours(upstox: Broker, shared_data: Path) -> None:
    file = shared_data / "upstox/api/option-chain_NIFTY_20240725.json.gz"
    captured = json.loads(gzip.decompress(file.read_bytes()))
    ours = upstox.ask("/v2/option/chain", query=WEEK).document
    for row in ours["data"]:
        for side in ("call_options", "put_options"):
            row[side]["option_greeks"].pop("pop")  # younger than the capture

    assert differences(captured, ours) == []


def test_captured_candles_are_ordered_and_stamped_like_ours(upstox: Broker, shared_data: Path) -> None:
    captured = json.loads((shared_data / "upstox/api/intraday-candle_20240610.json").read_text("utf-8"))
    ours = upstox.ask("/v3/historical-candle/intraday/NSE_INDEX%7CNifty%2050/minutes/1").document

    assert rowwise(captured["data"]["candles"], ours["data"]["candles"]) == set()
    for document in (captured, ours):
        stamps = [row[0] for row in document["data"]["candles"]]
        assert stamps == sorted(stamps, reverse=True)
        assert all(len(stamp) == 25 and stamp.endswith(":00+05:30") for stamp in stamps)


def test_rows_of_the_instrument_file_have_the_fields_of_the_real_one(upstox: Broker, shared_data: Path) -> None:
    real = msgspec.json.decode(gzip.decompress((shared_data / "instruments/upstox_nse_2026-01.json.gz").read_bytes()))
    wanted = {"NSE_INDEX|Nifty 50", "NSE_EQ|INE002A01018"}
    samples = {row["segment"] + row["instrument_type"]: row for row in real if row["instrument_key"] in wanted}
    for row in real:
        if row.get("underlying_symbol") == "NIFTY":
            samples.setdefault(row["segment"] + row["instrument_type"], row)
    ours = json.loads(gzip.decompress(upstox.ask("/market-quote/instruments/exchange/NSE.json.gz").body))

    assert set(samples) == {"NSE_INDEXINDEX", "NSE_EQEQ", "NSE_FOCE", "NSE_FOPE", "NSE_FOFUT"}
    for row in ours:
        assert differences(samples[row["segment"] + row["instrument_type"]], row) == []
