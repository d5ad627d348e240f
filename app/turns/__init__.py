"""Turns of assistants that are logged one by one, and sessions: taken by Kafka, read back by their app."""
