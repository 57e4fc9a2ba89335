"""The WebSocket server for external engines: what it says, in which order, and to whom."""
