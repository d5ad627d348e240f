"""What all reading of messages shares: filters as they are asked for by HTTP, and lists answered in parts."""
