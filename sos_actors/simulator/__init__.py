"""A market that never was: the seeded model, and later the vendors' servers over it. Knows no client and no engine."""
