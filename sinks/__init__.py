"""Where data goes: PostgreSQL and Kafka, in batches. What a record means is not decided here."""
