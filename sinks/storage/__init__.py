"""Writes to object storage by the S3 protocol."""
