"""The soak: real workers under random faults, with a ledger, for as long as wanted.

`python -m tests.soak --minutes 30 [--seed N]` runs it, on Kafka and PostgreSQL of its own. The tests
prove one fault at a time; this looks for what comes of them together and over time.
"""
