"""Where it goes when our prices and another vendor's begin to disagree: to the engine, into the store, into the log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sos_actors.market.price_watch import PriceWatch
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import QuarantineChanged
from sos_actors.messages.records import Fact
from sos_actors.ports import EventSink, ReferencePrices
from sos_actors.types import Fraction

log = logging.getLogger(__name__)


def watch_prices(
    reference: ReferencePrices, tolerance: Fraction, sink: EventSink, record: Callable[[Fact], object]
) -> PriceWatch:
    """A ``PriceWatch`` whose changes go to the engine and into the store; made once, it outlives the actor."""

    def tell(change: QuarantineChanged) -> None:
        if change.quarantined:
            log.warning("%s is quarantined: our price is %.2f, that of %s %.2f.", short_name_of(change.symbol),
                        change.ours, change.source, change.reference)  # fmt: skip
        else:
            log.info("%s is released: prices agree again.", short_name_of(change.symbol))
        record(change)
        sink.publish(change)

    return PriceWatch(reference, tolerance, tell)
