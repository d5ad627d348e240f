"""Surveys: the REST resource and the pages."""
