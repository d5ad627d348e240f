"""What tells whether a worker is well: lag, verdicts, health, metrics."""
