"""A trader's own files on their way into the store; begins in ``importing.py``."""
