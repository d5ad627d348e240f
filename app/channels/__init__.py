"""What is recorded of which channel: rules that people see, set and take away, by API and command."""
