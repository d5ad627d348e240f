"""How survey bots stand with people: why a question came again, and whose bot does not go on."""
