"""The outside world's words turned into ours; nothing vendor-shaped travels further in."""
