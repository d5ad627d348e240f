"""The SQL of the benchmarks: what pages will ask, and the data to ask about."""
