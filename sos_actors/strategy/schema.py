"""The JSON Schema of strategy files, for editors (draft 2020-12). Loading checks more, and says it better."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def schema_text() -> str:
    """The schema as shipped."""
    return files(__package__ or "").joinpath("schema.json").read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """The schema as a document of its own, free to change."""
    document: dict[str, Any] = json.loads(schema_text())
    return document
