"""What the figures were measured on: the machine, and the versions of what matters to speed."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from app.local.embedded.jars import locked_jars

_PACKAGES = (
    "chatlog",
    "faust-streaming",
    "mode-streaming",
    "aiokafka",
    "asyncpg",
    "msgspec",
    "orjson",
    "uvloop",
)


#: Settings of the workers that change their speed, and that the environment may have otherwise.
TUNABLE = (
    "CHUNK_MAX_RECORDS",
    "CHUNK_MAX_BYTES",
    "BATCH_MAX_ENTRIES",
    "BATCH_MAX_WAIT_S",
    "DATABASE_POOL_SIZE",
    "COMMIT_INTERVAL_S",
    "TABLE_STORE",
)


def machine() -> dict[str, object]:
    """Describe the machine, without its name."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": platform.release(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def tuned() -> dict[str, str]:
    """Return the settings that differ from what is shipped, because the environment has them."""
    return {name: os.environ[name] for name in TUNABLE if name in os.environ}


def versions(postgres: str) -> dict[str, str]:
    """Return the versions of Python, our packages and the services.

    Args:
        postgres: as the server says it.
    """
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "kafka": next(jar.version for jar in locked_jars() if jar.artifact == "kafka-clients"),
        "postgresql": postgres,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
