"""Where journals lie, what stands at their head, and the one way to make the engine of a session.

The running system, recovery and replay all get their engine from ``build_engine``: what is neither in the header nor in
the journaled events changes no decision. No secret is ever in a journal.
"""

from __future__ import annotations

import hashlib
import secrets
import string
from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path

from sos_actors import __version__
from sos_actors.app.backtest import charge_table
from sos_actors.app.session_header import ListedContract, SessionHeader, StrategyText
from sos_actors.config import Config
from sos_actors.engine.engine import Engine
from sos_actors.engine.events import EngineRules
from sos_actors.engine.holdings import UNSLICED
from sos_actors.engine.options import OptionRules
from sos_actors.engine.picking import ContractRules, ContractTerms
from sos_actors.engine.plan import FollowedSymbol, make_plan
from sos_actors.errors import JournalError, MarketRuleError, MissingDataError, StrategyError
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import ChargeKind
from sos_actors.market.lots import largest_order, lot_size, strike_step, tick_size
from sos_actors.market.symbols import canonical_for
from sos_actors.runtime.clock import utc_text
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_SECOND, Segment

FOLDER, SUFFIX = "journal", ".sosj"
SESSIONS = "sessions"
"""Folder of the simulated sessions, each in one of its own, ``2026-01-13-…``."""
_NAMED = 5
_LETTERS = string.ascii_lowercase + string.digits
_PACKAGE = Path(__file__).resolve().parent.parent
_DECIDING = ("engine", "strategy", "market", "messages", "types.py", "compiled.py", "app/journaling.py")
"""What a decision can depend on beside the header; the dated tables lie in these folders too."""
_SOURCES = (".py", ".toml", ".json", ".csv")


def journal_path(folder: Path, day: date, run: str = "") -> Path:
    """Where the journal of a session lies.

    Args:
        folder: the data folder, of real data or of one simulated market.
        day: of the session.
        run: sets runs of the same day apart; empty for real data, which has one journal a day.
    """
    return folder / FOLDER / (f"{day}-{run}{SUFFIX}" if run else f"{day}{SUFFIX}")


def journals(data_dir: Path) -> list[Path]:
    """All journals, of real data and of every simulated market, by day, then by when they were last written.

    Args:
        data_dir: of the configuration.
    """
    own, simulated = (data_dir / FOLDER).glob(f"*{SUFFIX}"), (data_dir / "simulated").rglob(f"{FOLDER}/*{SUFFIX}")
    return sorted([*own, *simulated], key=lambda path: (path.name[:10], path.stat().st_mtime_ns))


def run_of(path: Path) -> str:
    """What sets a journal apart from others of its day; empty for the one of real data."""
    session = path.parent.parent
    return path.stem[11:] or (session.name[11:] if session.parent.name == SESSIONS else "")


def find_journal(config: Config, wanted: str = "", run: str = "") -> Path:
    """The journal somebody means.

    Args:
        config: says where the data lies.
        wanted: a file, or a day (``2026-01-13``); the latest journal when empty.
        run: of the runs of a day the one of that name; the latest when empty.

    Raises:
        MissingDataError: there is none; the latest that exist are named.
    """
    if wanted and (Path(wanted).suffix == SUFFIX or Path(wanted).is_file()):
        return Path(wanted)
    found = journals(config.paths.data_dir)
    meant = [path for path in found if path.name.startswith(wanted) and (not run or run_of(path) == run)]
    if meant:
        return meant[-1]
    there = ", ".join(f"{path.name[:10]} {run_of(path)}".rstrip() for path in found[-_NAMED:]) or "none"
    asked = f" of {wanted}" if wanted else ""
    asked += f" of the run {run}" if run else ""
    raise MissingDataError(f"There is no journal{asked} in {config.paths.data_dir}. The latest there are: {there}.")


def new_nonce() -> str:
    """Four letters or digits that set a session's orders apart from all others in the broker's book."""
    return "".join(secrets.choice(_LETTERS) for _ in range(4))


def code_fingerprint() -> str:
    """16 hexadecimal digits that change with any source or table a decision can depend on."""
    digest = hashlib.sha256()
    for part in _DECIDING:
        root = _PACKAGE / part
        files = [root] if root.is_file() else [file for file in root.rglob("*") if file.suffix in _SOURCES]
        for file in sorted(files):
            data = file.read_bytes()
            digest.update(f"{file.relative_to(_PACKAGE).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


def listed_contracts(underlying: str, expiries: Sequence[date], day: date) -> list[ListedContract]:
    """The terms of expiries by the dated tables; a freeze quantity that no table knows is UNSLICED.

    Args:
        underlying: short name.
        expiries: nearest first.
        day: of the session.

    Raises:
        MarketRuleError: no table knows the lot or the tick.
    """
    listed = []
    for expiry in expiries:
        try:
            freeze = largest_order(underlying, expiry, day)
        except MarketRuleError:
            freeze = UNSLICED
        tick = float(tick_size(underlying))
        listed.append(ListedContract(underlying, expiry, lot_size(underlying, expiry), tick, freeze))
    return listed


def make_header(
    config: Config, strategies: Sequence[StrategyText], indices: Sequence[FollowedSymbol],
    contracts: Sequence[ListedContract], *, run: str, day: date, origin: str, broker: str, source: str, speed: float,
    nonce: str, created: str = "",
) -> SessionHeader:  # fmt: skip
    """What a session that begins now runs with.

    Args:
        config: of the session.
        strategies: the files as read, those only that are used.
        indices: what is followed from the start.
        contracts: listed expiries of the indices, nearest first for each.
        run: id of the session.
        day: of the session.
        origin: ``real`` or ``simulated`` market.
        broker, source: whose orders and whose prices.
        speed: market seconds a second.
        nonce: of ``new_nonce``.
        created: ISO text in UTC; now unless given.

    Raises:
        MarketRuleError: no table knows the charges, or the strikes of an underlying.
    """
    charges = charge_table(config)
    steps = {name: float(strike_step(name)) for name in dict.fromkeys(one.underlying for one in contracts)}
    return SessionHeader(
        run=run, created=created or utc_text(), nonce=nonce, code=code_fingerprint(), version=__version__, day=day,
        config=config.as_document(), strategies=tuple(strategies), indices=tuple(indices), contracts=tuple(contracts),
        strike_steps=steps, stock_rates=charges.rates(day, ChargeKind.EQUITY_INTRADAY),
        option_rates=charges.rates(day, ChargeKind.OPTION), origin=origin, mode=config.trading.mode, broker=broker,
        source=source, speed=speed, ring_slots=config.runtime.ring_slots,
    )  # fmt: skip


def strategies_of(header: SessionHeader) -> list[Strategy]:
    """The strategies a session ran.

    Raises:
        StrategyError: this version refuses one of them.
    """
    strategies = []
    for one in header.strategies:
        loaded = load_bytes(one.text.encode(), one.file)
        if loaded.strategy is None:
            reasons = "; ".join(finding.message for finding in loaded.errors)
            raise StrategyError(f"This version of SOS refuses the journal's strategy {one.file}: {reasons}.")
        strategies.append(loaded.strategy)
    return strategies


def build_engine(header: SessionHeader, calendar: Calendar | None = None) -> Engine:
    """The engine of a session, as it was before its first event.

    Args:
        header: of its journal.
        calendar: sessions; the built-in tables unless given.

    Raises:
        JournalError: the header says what this version does not know.
        StrategyError: this version refuses one of the strategies.
    """
    calendar = calendar if calendar is not None else Calendar.default()
    config = header.settings
    plan = make_plan(strategies_of(header), header.indices, config.risk, config.sizing, config.mood, config.fills)
    contracts = ContractRules(
        OptionRules(config.options.min_days_to_expiry, config.options.max_quote_age_s * NANOS_PER_SECOND),
        expiry_close=lambda day: int(calendar.session(day, Segment.FO).close_ns),
        strike_step=partial(_strike_step, header),
        terms=partial(_terms, header),
    )
    rules = EngineRules(
        calendar, config.risk, config.mood.stale_after_s * NANOS_PER_SECOND, canonical_for(config.mood.market_symbol),
        partial(_listed, header), contracts, header.stock_rates, config.trading.max_stocks + len(header.indices),
    )  # fmt: skip
    return Engine(plan, rules, header.day)


def _strike_step(header: SessionHeader, underlying: str) -> float:
    if underlying not in header.strike_steps:
        raise JournalError(f"The journal's header does not know the strikes of {underlying}.")
    return header.strike_steps[underlying]


def _listed(header: SessionHeader, underlying: str, day: date) -> list[date]:
    return [one.expiry for one in header.contracts if one.underlying == underlying and one.expiry >= day]


def _terms(header: SessionHeader, underlying: str, expiry: date, day: date) -> ContractTerms:
    del day  # a session is one day
    for one in header.contracts:
        if (one.underlying, one.expiry) == (underlying, expiry):
            return ContractTerms(one.lot, one.tick, one.freeze, header.option_rates)
    raise JournalError(f"The journal's header does not know the contracts of {underlying} that expire on {expiry}.")
