"""The question every one of these actors answers for the status: how does it go?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Describe:
    """Asked of an actor; what it answers stands in its ``on_receive``."""
