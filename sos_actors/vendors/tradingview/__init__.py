"""TradingView: the screener behind the watchlist, and candles of its chart socket; no login, no browser."""
