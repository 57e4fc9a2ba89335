"""Thin shells around the engine or one port: each owns one concern and hears messages."""
