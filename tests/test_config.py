from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from sos_actors.config import MARKET_SYMBOLS, Config, Mood, Risk, home, load_config
from sos_actors.errors import ConfigError
from sos_actors.market.symbols import INDEX_SHORT_NAMES
from sos_actors.types import Regime

SHIPPED = Path(__file__).resolve().parent.parent / "conf" / "sos.toml"


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOS_HOME", raising=False)
    monkeypatch.delenv("SOS_CONFIG", raising=False)


def written(folder: Path, text: str) -> Path:
    file = folder / "sos.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_file_is_the_defaults() -> None:
    assert load_config(SHIPPED) == Config.default()


def test_the_shipped_file_has_every_key_in_order_and_a_comment_on_each() -> None:
    tables = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    in_file = [(section, key) for section, table in tables.items() for key in table]
    config = Config()
    in_code = [
        (section.name, key.name)
        for section in dataclasses.fields(config)
        for key in dataclasses.fields(getattr(config, section.name))
    ]
    assert in_file == in_code
    settings = [line for line in SHIPPED.read_text(encoding="utf-8").splitlines() if re.match(r"\w+ =", line)]
    assert len(settings) == len(in_code)
    assert [line for line in settings if "#" not in line] == []


def test_keys_left_out_keep_their_default(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "[risk]\nmax_open_positions = 5\n"))
    assert config.risk == Risk(max_open_positions=5)
    assert config.mood == Mood()


def test_a_whole_number_is_fine_where_rupees_are_asked_for(tmp_path: Path) -> None:
    value = load_config(written(tmp_path, "[risk]\nmax_daily_loss_inr = 2500\n")).risk.max_daily_loss_inr
    assert value == 2500.0
    assert type(value) is float


def test_regimes_are_read_by_name(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, '[mood]\nveto_regimes = ["BEARISH", "UNKNOWN"]\n'))
    assert config.mood.veto_regimes == (Regime.BEARISH, Regime.UNKNOWN)
    assert load_config(written(tmp_path, "[mood]\nveto_regimes = []\n")).mood.veto_regimes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[risk]\nmax_open_position = 2\n",
            r"sos.toml:2: unknown key risk.max_open_position. Did you mean max_open",
        ),
        ("\n[rsik]\n", r"sos.toml:2: unknown section \[rsik\]. Did you mean risk\?"),
        ("risk = 3\n", r"sos.toml:1: risk must be a section: write \[risk\]"),
        ("[sizing]\n\nlots = -1\n", r"sos.toml:3: sizing.lots: -1 is not allowed: 1 or more"),
        ("[sizing]\nlots = 1.5\n", r"sos.toml:2: sizing.lots: 1.5 is not a whole number"),
        ("[sizing]\nlots = true\n", r"sos.toml:2: sizing.lots: True is not a whole number"),
        ('[sizing]\nmode = "risky"\n', r"sos.toml:2: sizing.mode: 'risky' is not allowed: one of lots, risk"),
        ("[charges]\nequity_brokerage_fraction = 5\n", r"equity_brokerage_fraction: 5.0 is not allowed: from 0 to 1"),
        ("[fills]\nmodel_volatility = nan\n", r"model_volatility: nan is not allowed: from 0.01 to 5"),
        ("[risk]\nmax_daily_loss_inr = inf\n", r"max_daily_loss_inr: inf is not allowed: 0 or more"),
        ('[mood]\nveto_regimes = ["SIDEWAY"]\n', r"sos.toml:2: mood.veto_regimes: no regime.*Did you mean SIDEWAYS\?"),
        ('[mood]\nveto_regimes = "SIDEWAYS"\n', r"mood.veto_regimes: 'SIDEWAYS' is not a list of regimes"),
        ('[mood]\nmarket_symbol = ""\n', r"mood.market_symbol: must not be empty"),
        ('[mood]\nmarket_symbol = "NIFTTY"\n', r"sos.toml:2: mood.market_symbol: 'NIFTTY' is not allowed: one of NIF"),
        ('[mood]\nmarket_symbol = "RELIANCE"\n', r"mood.market_symbol: 'RELIANCE' is not allowed"),
        ("[paths]\ndata_dir = 3\n", r"paths.data_dir: 3 is not a text"),
        ('[sizing]\nmode = "lot"\n', r"sizing.mode: 'lot' is not allowed: one of lots"),
        ('[upstox]\nrest_url = "api.upstox.com"\n', r"upstox.rest_url: 'api.upstox.com' is not an address"),
        ('[upstox]\norder_url = "http://1.2.3.4"\n', r"upstox.order_url: .* is not encrypted"),
        ('[nse]\nurl = "http://127.0.0.1.evil.com"\n', r"nse.url: .* is not encrypted"),
        ('[trust]\nchain = ["nse", "kite"]\n', r"trust.chain: 'kite' is not allowed: any of nse, trendlyne, upstox"),
        ("[trust]\nbreadth = []\n", r"trust.breadth: must name at least one"),
        ('[trust]\ncandles = "upstox"\n', r"trust.candles: 'upstox' is not a list of names"),
        ("[store]\ncommit_rows = 0\n", r"store.commit_rows: 0 is not allowed: 1 or more"),
        ("[risk]\nmax_per_symbol = = 1\n", r"sos.toml:2: not valid TOML"),
        ("[risk]\nmax_per_symbol = ", r"sos.toml:\d: not valid TOML"),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(written(tmp_path, text))


def test_every_mistake_of_a_file_is_told_at_once_in_the_order_of_its_lines(tmp_path: Path) -> None:
    text = "[rsik]\n[risk]\nmax_open_position = 2\nmax_per_symbol = 0\n[sizing]\nmode = 'lot'\nlots = 2\n"
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text))
    told = [line.partition("sos.toml:")[2].split()[:3] for line in str(caught.value).splitlines()]
    assert told == [
        ["1:", "unknown", "section"], ["3:", "unknown", "key"], ["4:", "risk.max_per_symbol:", "0"],
        ["6:", "sizing.mode:", "'lot'"],
    ]  # fmt: skip


def test_the_mood_can_be_that_of_every_index_with_options() -> None:
    assert set(MARKET_SYMBOLS) == INDEX_SHORT_NAMES


def test_a_wrong_value_made_in_code_is_refused_too() -> None:
    with pytest.raises(ConfigError, match=r"^risk.max_per_symbol: 0 is not allowed: 1 or more"):
        dataclasses.replace(Config().risk, max_per_symbol=0)


def test_a_named_file_that_is_missing_is_an_error_and_the_shipped_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the configuration .*nowhere.toml: No such file"):
        load_config(tmp_path / "nowhere.toml")
    monkeypatch.setenv("SOS_CONFIG", str(tmp_path / "nowhere.toml"))
    with pytest.raises(ConfigError, match="No such file"):
        load_config()
    monkeypatch.delenv("SOS_CONFIG")
    monkeypatch.setenv("SOS_HOME", str(tmp_path))
    assert load_config() == Config.default()


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sos.toml").write_bytes(b"[risk]\n\xff\xfe")
    with pytest.raises(ConfigError, match="not a text file in UTF-8"):
        load_config(tmp_path / "sos.toml")


def test_the_surroundings_name_another_file_and_an_argument_beats_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOS_CONFIG", str(written(tmp_path, "[simulation]\nseed = 11\n")))
    assert load_config().simulation.seed == 11
    assert load_config(SHIPPED).simulation.seed == 7


def test_relative_folders_are_taken_from_home_wherever_the_command_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert home() == SHIPPED.parent.parent
    assert load_config().paths.data_dir == SHIPPED.parent.parent / "var"
    monkeypatch.setenv("SOS_HOME", str(tmp_path / "elsewhere"))
    assert load_config().paths.data_dir == tmp_path / "elsewhere" / "var"
    absolute = load_config(written(tmp_path, '[paths]\ndata_dir = "/srv/sos"\n'))
    assert absolute.paths.data_dir == Path("/srv/sos")


def test_the_document_of_a_configuration_is_plain_and_the_same_on_every_machine() -> None:
    document = Config.default().as_document()
    assert document["mood"]["veto_regimes"] == ["SIDEWAYS"]
    assert document["risk"]["max_daily_loss_inr"] == 10000.0
    assert "paths" not in document
