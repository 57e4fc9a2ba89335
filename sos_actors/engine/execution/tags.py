"""Tags: our own name of every order that is sent, by which it is found again at the broker after anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX = "SOS"
MOST_TAG_LETTERS = 40
_FORM = re.compile(rf"{PREFIX}([A-Za-z0-9]{{4}})-(\d+)-(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Tag:
    """``SOS{nonce}-{order_id}-{slice}-{attempt}``.

    Attributes:
        nonce: four letters or digits, of the journal the order is recorded in.
        order_id: the engine's.
        piece: number of the slice, from 0.
        attempt: number of the attempt to place the slice, from 0.
    """

    nonce: str
    order_id: int
    piece: int
    attempt: int

    @property
    def text(self) -> str:
        """What is sent.

        Raises:
            ValueError: a nonce that is not of four letters or digits, or a tag the broker does not take.
        """
        text = f"{PREFIX}{self.nonce}-{self.order_id}-{self.piece}-{self.attempt}"
        if _FORM.fullmatch(text) is None or len(text) > MOST_TAG_LETTERS:
            raise ValueError(f"{text!r} is no tag of ours")
        return text


def parse_tag(text: str) -> Tag | None:
    """Read a tag of ours, of any journal; None for every other text."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    nonce, order_id, piece, attempt = found.groups()
    return Tag(nonce, int(order_id), int(piece), int(attempt))


def is_ours(text: str) -> bool:
    """Whether a tag was given by this program, in whatever run or version."""
    return text.startswith(PREFIX)
