"""Orders on their way: from the engine's decision to the broker's last word, as values in and values out."""
