"""Faust as we use it: transport, consumer thread, progress, tables, membership of the group."""
