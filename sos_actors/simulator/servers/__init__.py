"""TradingView, NSE and Trendlyne as their users see them."""
