"""Decisions: what to trade, how much, when to leave. Pure and deterministic: values in, values out."""
