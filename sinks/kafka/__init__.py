"""Writes to Kafka: in batches, acknowledged by all replicas."""
