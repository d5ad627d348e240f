"""What was said, conversation by conversation: by REST, as it happens, and as a transcript."""
