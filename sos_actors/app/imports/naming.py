"""What a file's names mean: canonical symbols, slips of the pen, and expiries the exchange does not have."""

from __future__ import annotations

import difflib
import re
from datetime import date, timedelta

from sos_actors.app.imports.report import ImportReport
from sos_actors.errors import ImportRefusedError, MarketRuleError, UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.market.expiries import expiries
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.symbols import INDEX_SHORT_NAMES, canonical_for, parse_contract_symbol
from sos_actors.types import Segment

_NEW_SHARE = re.compile(r"[A-Z0-9&-]+")
_ALIASES = {"NIFTY50": "NIFTY", "NIFTY 50": "NIFTY", "NIFTYBANK": "BANKNIFTY", "NIFTY BANK": "BANKNIFTY"}
_ALIKE = 0.8
"""From this difflib ratio on a new name is taken for a misspelled known one: NFTY for NIFTY has 0.89."""
_RULED = ("NIFTY", "BANKNIFTY")
_NEAR = timedelta(days=10)


class Naming:
    """Canonical symbols for what a file calls them, each asked of the master once.

    Args:
        master: the instruments known.
        report: where new shares and doubtful expiries are noted.
        new_symbol: take a share on trust even if its name is close to a known one.
    """

    def __init__(self, master: SymbolMaster, report: ImportReport, *, new_symbol: bool = False) -> None:
        self._master = master
        self._report = report
        self._new_symbol = new_symbol
        self._known: dict[str, str | None] = {}
        self._expiries: set[tuple[str, date]] = set()

    def symbol(self, text: str, *, shares_may_be_new: bool = False) -> str | None:
        """The canonical symbol; None when there is none.

        A share the master lacks is taken on trust when ``shares_may_be_new``: people import files of their own, and the
        built-in master knows a dozen. The report lists them.

        Raises:
            ImportRefusedError: a new name is so close to a known one that it looks misspelled.
        """
        if text not in self._known:
            self._known[text] = self.known(text) or (self._taken_on_trust(text) if shares_may_be_new else None)
        return self._known[text]

    def known(self, text: str) -> str | None:
        """The canonical symbol of an instrument of the master or of a contract; None for all else."""
        name = _ALIASES.get(text.upper(), text)
        try:
            return self._master.resolve(name).symbol
        except UnknownSymbolError:
            pass
        try:
            underlying = parse_contract_symbol(name).underlying
        except UnknownSymbolError:
            return None
        self._refuse_slip(underlying)
        return f"NSE|FO|{name.upper().removeprefix('NSE|FO|')}"

    def doubt_expiry(self, underlying: str, expiry: date, calendar: Calendar) -> None:
        """Remark once on an expiry that the exchange's rules do not have; ``underlying`` is a short name."""
        if underlying not in _RULED or (underlying, expiry) in self._expiries:
            return
        self._expiries.add((underlying, expiry))
        try:
            days = [found.day for found in expiries(underlying, expiry - _NEAR, expiry + _NEAR, calendar)]
        except MarketRuleError:
            return
        if expiry not in days:
            near = min(days, key=lambda day: abs(day - expiry), default=None)
            hint = f"; the nearest is {near}" if near else ""
            self._report.remarks.append(f"by the exchange's rules {underlying} has no expiry on {expiry}{hint}")

    def _taken_on_trust(self, text: str) -> str | None:
        short = text.upper().removeprefix("NSE:").removeprefix("NSE|EQ|")
        if not _NEW_SHARE.fullmatch(short):
            return None
        self._refuse_slip(short)
        self._report.new_symbols.append(canonical_for(short))
        return canonical_for(short)

    def _refuse_slip(self, short: str) -> None:
        names = {i.short_name for i in self._master if i.segment is not Segment.FO} | INDEX_SHORT_NAMES
        if self._new_symbol or short in names:
            return
        near = difflib.get_close_matches(short, sorted(names), n=1, cutoff=_ALIKE)
        if near:
            raise ImportRefusedError(
                f"No instrument is called {short!r}: did you mean {near[0]}? "
                f"Add --new-symbol to take it as a new share."
            )
