"""Brings history from the vendors into the store: what is missing is asked for; a day is marked when it is whole."""
