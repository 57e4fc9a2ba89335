"""What a run may be told: frozen sections, and the reading of the file they stand in. A leaf below all decisions."""

from sos_actors.config.reading import load_config
from sos_actors.config.sections import (
    MARKET_SYMBOLS,
    Charges,
    Config,
    Fills,
    Mood,
    Options,
    Paths,
    Risk,
    Section,
    Simulation,
    Sizing,
    StoreSettings,
    home,
)

__all__ = [
    "MARKET_SYMBOLS",
    "Charges",
    "Config",
    "Fills",
    "Mood",
    "Options",
    "Paths",
    "Risk",
    "Section",
    "Simulation",
    "Sizing",
    "StoreSettings",
    "home",
    "load_config",
]
