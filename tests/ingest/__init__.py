"""Events that are brought by HTTP: read, signed, and in Kafka."""
