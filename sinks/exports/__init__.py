"""What an export reads and how its file is written."""
