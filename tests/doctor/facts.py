"""The facts of a worker with which all is well; tests say what is not by `dataclasses.replace`."""

from app.worker.watch.verdicts import Facts

WELL = Facts(
    joining_trouble=None,
    was_assigned=True,
    rebalancing=False,
    recovery=None,
    waiting=(),
    kafka_silent_s=None,
    database_error=None,
)
