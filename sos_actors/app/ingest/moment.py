"""What is true right now of a session that runs: chain, breadth and prices from whoever is trusted first.

They are kept apart from the measures of the session, which come from candles: figures of two sources over different
strikes or securities are never one series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np

from sos_actors.app.ingest.job import Ingestion, day_bounds
from sos_actors.app.price_watch import PriceWatch
from sos_actors.errors import MissingDataError, VendorError
from sos_actors.market.chain import ChainSnapshot, pcr_of
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.store.columns import ChainColumns
from sos_actors.store.records import DepthRow
from sos_actors.types import NANOS_PER_MINUTE, Fraction
from sos_actors.vendors.trust import Answer, Ladder

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
        breadth = self._breadth() if self._indices else None
        for symbol in self._indices:
            self._look_at(symbol, breadth)
        self._compare_prices()

    def _breadth(self) -> Breadth | None:
        ladder = Ladder(self._job.sources.breadth, "breadth")
        answer = self._asked(lambda: ladder.ask(lambda source: source.breadth()))
        return answer.value if answer is not None else None

    def _look_at(self, symbol: str, breadth: Breadth | None) -> None:
        ladder = Ladder(self._job.sources.chains, f"option chain of {short_name_of(symbol)}")
        answer = self._asked(lambda: ladder.ask(lambda source: source.chain(short_name_of(symbol))))
        if answer is None:
            return
        chain, store, report = answer.value, self._job.store, self._job.report
        report.wrote("chain rows", answer.source, store.add_chain(symbol, columns_of(chain), answer.source))
        ratio = breadth.advances / breadth.declines if breadth is not None and breadth.declines else None
        pcr = pcr_of(_snapshot(chain))
        store.add_depth(
            [DepthRow(chain.ts_event, short_name_of(symbol), None, None if np.isnan(pcr) else pcr, ratio)]
        )

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


def columns_of(chain: OptionChain) -> ChainColumns:
    """One snapshot as rows of the store."""
    n = len(chain)
    same = {one.name for one in fields(ChainColumns)} & {one.name for one in fields(OptionChain)} - {"expiry", "spot"}
    return ChainColumns(
        ts=np.full(n, chain.ts_event, np.int64), expiry=np.full(n, chain.expiry.toordinal()),
        spot=np.full(n, chain.spot), **{name: getattr(chain, name) for name in sorted(same)},
    )  # fmt: skip


def _snapshot(chain: OptionChain) -> ChainSnapshot:
    return ChainSnapshot(
        chain.strike, chain.ce_oi, chain.pe_oi, chain.ce_ltp, chain.pe_ltp, chain.ce_oi_change, chain.pe_oi_change,
        chain.spot,
    )  # fmt: skip
