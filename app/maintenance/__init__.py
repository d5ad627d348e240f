"""What the tables need now and again, done by one process at a time, as their owner: `chatlog maintain`."""
