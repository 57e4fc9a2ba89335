"""What is true right now of a session that runs: chain, breadth and prices from whoever is trusted first.

They are kept apart from the measures of the session, which come from candles: figures of two sources over different
strikes or securities are never one series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sos_actors.app.ingest.job import Ingestion, day_bounds
from sos_actors.errors import MissingDataError, VendorError
from sos_actors.market.price_watch import PriceWatch
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.records import DepthRow
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.runtime.clock import indian_day
from sos_actors.store.recording import chain_columns
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Fraction
from sos_actors.vendors.trust import Answer, Ladder

OLDEST_S = 300.0
"""Open interest is published about every three minutes; what is older than this is not of now."""
UNIVERSE = "NIFTY 50"
T = TypeVar("T")


class MomentIngest:
    """A look at the running session.

    Args:
        job: what is wanted.
        indices: canonical symbols with an option chain.
        tolerance: how far our prices may be from the screener's.
    """

    def __init__(self, job: Ingestion, indices: Sequence[str], tolerance: Fraction) -> None:
        self._job, self._indices, self._tolerance = job, indices, tolerance

    def run(self) -> None:
        """Ask, if one of the days is today's session and it runs."""
        job = self._job
        if job.today not in job.request.days or not job.has_begun(job.today) or job.is_over(job.today):
            return
        if self._indices:
            self._count()
        for symbol in self._indices:
            self._look_at(symbol)
        self._compare_prices()

    def _count(self) -> None:
        """The breadth, where it is counted over the securities that the session's own breadth is counted over."""
        ladder = Ladder(self._job.sources.breadth, "breadth")
        answer = self._asked(lambda: ladder.ask(lambda source: source.breadth()))
        if answer is None or answer.value.universe != UNIVERSE or not self._is_new(answer.value, "breadth"):
            return
        ratio = answer.value.advances / answer.value.declines if answer.value.declines else None
        rows = [DepthRow(answer.value.ts_event, short_name_of(one), adv_dec_ratio=ratio) for one in self._indices]
        self._job.store.add_depth(rows)

    def _look_at(self, symbol: str) -> None:
        ladder = Ladder(self._job.sources.chains, f"option chain of {short_name_of(symbol)}")
        answer = self._asked(lambda: ladder.ask(lambda source: source.chain(short_name_of(symbol))))
        if answer is None or not self._is_new(answer.value, f"option chain of {short_name_of(symbol)}"):
            return
        rows = self._job.store.add_chain(symbol, chain_columns(answer.value), answer.source)
        self._job.report.wrote("chain rows", answer.source, rows)

    def _is_new(self, told: Breadth | OptionChain, what: str) -> bool:
        """Whether it is of this session and of now; what is older would overwrite what was known then."""
        age_s = (self._job.now() - told.ts_event) / NANOS_PER_SECOND
        if indian_day(told.ts_event) == self._job.today and age_s <= OLDEST_S:
            return True
        self._job.report.note(f"The {what} of {told.source} is {age_s / 60:,.0f} minutes old and was left out.")
        return False

    def _compare_prices(self) -> None:
        """Our newest prices beside another vendor's; one look tells the trader, it takes several to quarantine."""
        job, reference = self._job, self._job.sources.reference
        if reference is None:
            return
        ours = {}
        for symbol in job.request.symbols:
            bars = job.store.candles(symbol, *day_bounds(job.today))
            if len(bars):
                ours[symbol] = (float(bars.close[-1]), int(bars.ts[-1]) + NANOS_PER_MINUTE)
        watch = PriceWatch(reference, self._tolerance, lambda _change: None)
        try:
            looks = watch.look(ours, job.now())
        except VendorError as error:
            job.report.note(f"Prices were not compared: {error}")
            return
        for look in looks:
            if look.is_apart(self._tolerance):
                job.report.note(
                    f"{short_name_of(look.symbol)}: our last price {look.ours:,.2f} and {reference.name}'s "
                    f"{look.reference:,.2f} are further apart than {float(self._tolerance):.1%}."
                )

    def _asked(self, ask: Callable[[], Answer[T]]) -> Answer[T] | None:
        """An answer; who was asked in vain, or why nobody answered, is noted."""
        try:
            answer = ask()
        except MissingDataError as error:
            self._job.report.note(str(error))
            return None
        for refusal in answer.refusals:
            self._job.report.note(f"{answer.source} was asked instead: {refusal}")
        return answer
