"""Ports of this machine for tests."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port nobody listened at a moment ago: to listen at, or to be refused by."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
