"""What the exchange says: calendar, contracts, charges, pricing, option chain. Pure; reads only its own tables."""
