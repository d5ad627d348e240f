"""Export jobs become files: who runs them, attempt by attempt."""
