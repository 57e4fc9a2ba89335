"""Fixtures every test may use: the folder with real market data, when this machine has it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from sos_actors.cli.kernel_cache import prepare_kernel_cache

prepare_kernel_cache()  # before any test imports numba

os.environ["SOS_SECRETS"] = os.path.join(tempfile.gettempdir(), "sos-tests", "nobody-is-logged-in.json")
"""Tests never see the login of whoever runs them."""
REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real market data (``SOS_SHARED_DATA``, or ``../shared/data``); the test skips without it."""
    folder = Path(os.environ.get("SOS_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real market data at {folder}")
    return folder
