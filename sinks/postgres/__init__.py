"""Writes to PostgreSQL: in batches, split at what is refused, retried while it is down."""
