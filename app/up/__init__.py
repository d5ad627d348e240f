"""`chatlog up`: the whole system on one machine, and sample conversations to watch landing in it.

Kafka and PostgreSQL are embedded unless settings name real ones; the workers are processes of their own, as
in production. For one person at one terminal: nothing here restarts what dies, it says so and stops the rest.

    run         the order of things, from the first step to the last
    services    Kafka and PostgreSQL, embedded or named, with schema and topics
    workers     the worker processes; ports   where their web views listen
    player      the samples, into Kafka; arrival   what came of them, in PostgreSQL
    screen      steps and lines; transcript   a conversation to read
    stopping    Ctrl-C once and twice
"""

from app.up.errors import UpFailed
from app.up.options import Options
from app.up.run import run

__all__ = ["Options", "UpFailed", "run"]
