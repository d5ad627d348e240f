"""`chatlog up`: the whole system on one machine, and sample conversations to watch landing in it.

Kafka, PostgreSQL and the storage are embedded unless settings name real ones; the workers and the API are
processes of their own, as in production. For one person at one terminal: nothing here restarts what dies, it
says so and stops the rest.

    run         the order of things, from the first step to the last
    services    Kafka, PostgreSQL and the storage, embedded or named, with schema and topics
    child       a process of ours; workers, api   which there are; ports   where they listen
    player      the samples, into Kafka; arrival   what came of them, in PostgreSQL
    sample_owners   whose the samples are; export_check   a survey of theirs, exported
    screen      steps and lines; transcript   a conversation to read
    stopping    Ctrl-C once and twice
"""

from app.local.options import Options
from app.local.run import run

__all__ = ["Options", "run"]
