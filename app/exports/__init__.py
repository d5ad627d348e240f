"""Exports: what was asked for, its files, the REST resource, the pages."""
