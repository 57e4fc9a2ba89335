"""Holds our prices against another vendor's and tells when a symbol is quarantined or released."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sos_actors.market.agreement import Comparison, PriceAgreement
from sos_actors.messages.market import QuarantineChanged
from sos_actors.ports import ReferencePrices
from sos_actors.types import NANOS_PER_SECOND, Fraction, UnixNanos


class PriceWatch:
    """Keeps one ``PriceAgreement`` a symbol; look as often as the reference changes.

    Args:
        reference: whose prices ours are held against.
        tolerance: of the reference.
        tell: hears of every change, once; for the store and the engine.
    """

    def __init__(
        self, reference: ReferencePrices, tolerance: Fraction, tell: Callable[[QuarantineChanged], None]
    ) -> None:
        self._reference, self._tolerance, self._tell = reference, tolerance, tell
        self._agreements: dict[str, PriceAgreement] = {}

    def look(self, ours: Mapping[str, tuple[float, int]], now: UnixNanos) -> list[Comparison]:
        """Ask the other vendor and compare.

        Args:
            ours: symbol -> our last price in rupees or points, and its moment, UnixNanos.
            now: when it is.

        Returns:
            What was compared; a symbol the other vendor has no price of is left out.

        Raises:
            VendorError: the other vendor gave no prices; nothing changes.
        """
        return self.compare(ours, self._reference.prices(list(ours)) if ours else {}, now)

    def compare(
        self, ours: Mapping[str, tuple[float, int]], references: Mapping[str, tuple[float, UnixNanos | None]],
        now: UnixNanos,
    ) -> list[Comparison]:  # fmt: skip
        """Compare with prices that the other vendor gave already; as ``look`` otherwise."""
        looks = []
        for symbol, (price, at) in ours.items():
            if symbol not in references:
                continue
            reference, updated = references[symbol]
            age = None if updated is None else (now - updated) / NANOS_PER_SECOND
            look = Comparison(now, symbol, price, reference, (now - at) / NANOS_PER_SECOND, age, self._reference.name)
            looks.append(look)
            before = self._agreements.get(symbol) or PriceAgreement(self._tolerance)
            self._agreements[symbol], change = before.after(look)
            if change is not None:
                self._tell(change)
        return looks

    def counts(self, symbol: str) -> tuple[int, int]:
        """Comparisons of a symbol that counted, and those that did not for want of a fresh price."""
        agreement = self._agreements.get(symbol) or PriceAgreement(self._tolerance)
        return agreement.compared, agreement.left_out
