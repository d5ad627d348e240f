"""Discord: listens to the gateway, and fetches from the history what it could not hear.

`protocol` is what the gateway and its client say, without I/O; `connection` one websocket, from hello to its
end; `shard` stays connected, and knows how far it has come (`progress`, kept in `positions`); `rest` asks the
REST API within its limits, and `history` fetches by it; `connector` runs all shards.

No library of Discord's does this. discord.py hands over each raw event, but counts it as heard when it comes
and not when Kafka has it, takes up a session only within one process and only after the mildest of faults,
and ends when it cannot read an event that is of no use here. What was acknowledged would not be in Kafka, and
each restart would lose edits and deletions, which no history tells. What is left of the protocol is small,
and has not changed since 2022 (version 10).
"""
