"""The website of the exchange: option chain, advances and declines, holidays."""
