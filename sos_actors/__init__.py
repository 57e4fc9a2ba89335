"""SOS, the Scalping Orchestration System: one decision engine for history, paper and live trading."""

__version__ = "0.1.0"
