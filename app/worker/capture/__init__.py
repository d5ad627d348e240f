"""What the capture role's join needs of Kafka and of the table: homes, watermarks, what came from afar."""
