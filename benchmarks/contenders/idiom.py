"""A Faust app as the guides make one, set for speed as far as its settings go.

Import this before anything else of Faust: it chooses the event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mode.loop

mode.loop.use("uvloop")

import faust  # noqa: E402  mode picks its event loop when it is imported

from app.logs import logging_config  # noqa: E402

if TYPE_CHECKING:
    from app.settings import Settings

#: So that entries share requests: by default nearly each is a request of its own.
LINGER_S = 0.005


def app_of(group: str, settings: Settings) -> faust.App:
    """Make an app that reads a group's topics with Faust's own transport.

    Values are taken as bytes and decoded by the functions that ours decodes with.
    """
    return faust.App(
        group,
        broker=f"kafka://{settings.kafka.require_servers()[0]}",
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        topic_partitions=settings.topology.topic_partitions,
        # Topics exist already, as with ours.
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=settings.worker.commit_interval_s,
        stream_recovery_delay=0.0,
        producer_acks=-1,
        producer_linger=LINGER_S,
        web_enabled=False,
        datadir=settings.worker.data_dir,
        # By default, Faust's libraries make a record of every debug message, and then drop it.
        logging_config=logging_config(settings.log),
    )


def run(app: faust.App) -> None:
    """Run it until SIGTERM."""
    app.Worker(loglevel="WARNING", quiet=True).execute_from_commandline()
