"""Immutable facts and commands, one file a family."""
