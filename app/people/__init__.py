"""People who do not want to be recorded: from a time on, and before it too where they ask for that."""
