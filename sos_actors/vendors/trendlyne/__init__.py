"""Trendlyne SmartOptions: open interest by strike."""
