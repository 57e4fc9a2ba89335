"""Which instruments the market feed carries: the indices, what is held, contracts around the money, stocks in play.

Outlives the feed's actor, which alone changes it. Where there are too many, the stocks that came last wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sos_actors.engine.strikes import StrikeWindow

MOST_INSTRUMENTS = 2_000
"""Of one connection in full mode. Source: Upstox's documentation of the feed V3, 2026."""


class FeedRoster:
    """What is wanted of the feed. All names are canonical symbols.

    Args:
        indices: always followed.
        windows: the option window of each index that has one; before its first price it is empty.
        most: instruments the connection takes.
    """

    def __init__(
        self, indices: Sequence[str], windows: Mapping[str, StrikeWindow], most: int = MOST_INSTRUMENTS
    ) -> None:
        self.indices = tuple(indices)
        self.windows = dict(windows)
        self.held: set[str] = set()
        self._followed: dict[str, None] = {}
        self._most = most

    def follow(self, symbols: Collection[str]) -> None:
        """Stocks came into play."""
        self._followed |= dict.fromkeys(sorted(symbols))

    def unfollow(self, symbols: Collection[str]) -> None:
        """Stocks left; one that is held stays until it is released."""
        for symbol in symbols:
            self._followed.pop(symbol, None)

    def recentre(self, spots: Mapping[str, float]) -> bool:
        """Move the windows to where their indices are; whether anything is wanted that was not, or no more.

        Args:
            spots: index points; an index without a price is left alone.
        """
        moved = False
        for index, window in self.windows.items():
            if index in spots:
                self.windows[index], added, removed = window.after(spots[index], self.held)
                moved = moved or bool(added or removed)
        return moved

    def wanted(self) -> tuple[list[str], list[str]]:
        """What the connection is to carry, and the stocks that wait for room."""
        contracts = (symbol for window in self.windows.values() for symbol in sorted(window.contracts))
        ranked = list(dict.fromkeys((*self.indices, *sorted(self.held), *contracts, *self._followed)))
        return ranked[: self._most], ranked[self._most :]
