"""How this application reaches PostgreSQL: pools, and a probe that tells whether it answers."""
