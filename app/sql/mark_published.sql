-- Their jobs are in Kafka.
UPDATE export_status SET published = now() WHERE id = ANY ($1::uuid[])
