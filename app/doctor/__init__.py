"""What `chatlog check` looks at, and what it finds."""
