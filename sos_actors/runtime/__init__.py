"""Motion: who runs when. No trading rule lives here."""
