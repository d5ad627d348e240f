-- How many exports wait for Kafka.
SELECT count(*) FROM export_status WHERE published IS NULL AND status = 'Started' AND removed IS NULL
