"""How the installation is: what runs, what waits in Kafka, the database, the storage, and what is wrong."""
