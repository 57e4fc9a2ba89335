"""Upstox."""
