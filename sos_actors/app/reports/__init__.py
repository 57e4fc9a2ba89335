"""The document of a run as one offline page; begins in ``report.py``."""
