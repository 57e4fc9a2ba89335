"""The command line: one module a command, found and run by `main`."""
