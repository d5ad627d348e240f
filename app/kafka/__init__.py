"""How this application reaches Kafka: clients, topics and groups as data, administration, offsets."""
