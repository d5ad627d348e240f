"""Connectors: processes that listen to a platform, and hand in what they hear, before anything else is done.

`connector` runs one: it wires what all share. `handing_in` takes raw events to Kafka, `hearing` knows what is
heard and what was missed, and `gap_log` writes that down. A module a platform speaks its protocol.
"""
