"""Wiring: which clock, which ports, which driver. The only place besides the command line that knows the modes."""
