"""The dated tables as data files. ``read`` is how ``market`` gets at them; nothing else opens these files."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

FOLDER = "sos_actors/market/tables"
"""Where the files stand in the repository, for messages that ask the reader to extend one."""


def read(name: str) -> dict[str, Any]:
    """Parse ``name``, a TOML file of this folder."""
    return tomllib.loads(resources.files(__name__).joinpath(name).read_text(encoding="utf-8"))


def path_of(name: str) -> str:
    """The path to print when a table needs another row."""
    return f"{FOLDER}/{name}"
