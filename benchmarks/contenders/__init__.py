"""What we are measured against: programs that read the worker's settings from the environment."""
