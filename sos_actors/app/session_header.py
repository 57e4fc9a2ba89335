"""The header of a journal: what a session ran with, as plain values. Made and used by ``journaling.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from typing import Any, get_type_hints

from sos_actors.config import Config
from sos_actors.config.section import Section, values_of
from sos_actors.engine.plain_values import Conversion, conversion
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.recording import decode_document, encode_document
from sos_actors.errors import ConfigError, JournalError
from sos_actors.market.charges import ChargeRates
from sos_actors.types import Regime

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ListedContract:
    """What was said of the options of one underlying (short name) that expire on one day.

    Attributes:
        lot, freeze: units.
        tick: rupees.
    """

    underlying: str
    expiry: date
    lot: int
    tick: float
    freeze: int


@dataclass(frozen=True, slots=True)
class StrategyText:
    """A strategy file as it was read."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """Everything an engine is made of, and what a reader wants to know of the session.

    Attributes:
        run: id of the session.
        created: when, ISO text in UTC.
        nonce: four letters or digits; part of every order's tag, so that tags of two sessions never meet.
        code: fingerprint of the sources that decide.
        version: of the package.
        day: the session; bars of earlier days warm up without trading.
        config: values by section, as ``Config.as_document``.
        strategies: their files, in order.
        indices: what is followed from the start.
        contracts: the listed expiries and their terms, nearest first for each underlying.
        strike_steps: points between strikes, by underlying (short name).
        stock_rates, option_rates: estimated charges on the day.
        origin: ``real`` or ``simulated`` market.
        mode: ``paper``, or what stands for real money.
        broker, source: whose orders and whose prices.
        speed: market seconds a second.
        ring_slots: of the ring: as many events may go through the engine before their decisions are recorded.
    """

    run: str
    created: str
    nonce: str
    code: str
    version: str
    day: date
    config: Mapping[str, Any]
    strategies: tuple[StrategyText, ...]
    indices: tuple[FollowedSymbol, ...]
    contracts: tuple[ListedContract, ...]
    strike_steps: Mapping[str, float]
    stock_rates: ChargeRates
    option_rates: ChargeRates
    origin: str
    mode: str
    broker: str
    source: str
    speed: float
    ring_slots: int

    def encode(self) -> bytes:
        """As the content of a journal's header record."""
        document: dict[str, Any] = {"format": FORMAT}
        for name, one in _conversions().items():
            value = getattr(self, name)
            document[name] = value if one.to_plain is None else one.to_plain(value)
        return encode_document(document)

    @classmethod
    def decode(cls, data: bytes) -> SessionHeader:
        """Read one.

        Raises:
            JournalError: another version wrote it, or it is none.
        """
        document = decode_document(data)
        if document.get("format") != FORMAT:
            raise JournalError(
                f"The journal's header has format {document.get('format')}; this version of SOS reads {FORMAT}."
            )
        values: dict[str, Any] = {}
        try:
            for name, one in _conversions().items():
                value = document[name]
                values[name] = value if one.from_plain is None else one.from_plain(value)
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(f"The journal's header is none of a session: {error!r}.") from error
        return cls(**values)

    @property
    def settings(self) -> Config:
        """The configuration the session ran with; folders and vendors' addresses, which decide nothing, are defaults.

        Raises:
            JournalError: a setting that this version does not know or allow.
        """
        return config_from(self.config)


def config_from(document: Mapping[str, Mapping[str, Any]]) -> Config:
    """The configuration of a document that ``Config.as_document`` gave.

    Raises:
        JournalError: a setting that this version does not know or allow.
    """
    default = Config()
    try:
        sections: dict[str, Any] = {name: _section(getattr(default, name), table) for name, table in document.items()}
        return replace(default, **sections)
    except (AttributeError, ConfigError, KeyError, TypeError) as error:
        raise JournalError(f"The journal's configuration is not one of this version of SOS: {error}.") from error


def _section(default: Section, table: Mapping[str, Any]) -> Section:
    usual = values_of(default)
    return replace(default, **{key: _typed(value, usual[key]) for key, value in table.items()})


def _typed(value: object, usual: object) -> object:
    """A plain value in the type of its default: lists are tuples, regimes stand by name."""
    if not isinstance(value, list):
        return value
    regimes = isinstance(usual, tuple) and bool(usual) and isinstance(usual[0], Regime)
    return tuple(Regime[name] for name in value) if regimes else tuple(value)


@cache
def _conversions() -> Mapping[str, Conversion]:
    hints = get_type_hints(SessionHeader)
    return {
        one.name: Conversion() if one.name == "config" else conversion(hints[one.name])
        for one in fields(SessionHeader)
    }  # fmt: skip
