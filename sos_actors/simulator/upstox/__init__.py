"""Upstox as its users see it: REST, market feed V3, portfolio stream, instrument file, and the exchange behind it."""
