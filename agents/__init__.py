"""The agents: they move records. Decode, call a pure function, hand to a sink, acknowledge."""
