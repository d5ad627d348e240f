"""The one place where logging is set up: JSON lines for machines, or text for a terminal.

Log events are constant text plus fields (topic, partition, offset, …). Message contents are never logged.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.settings import Settings

#: Attributes that the formatters carry along when a log event has them.
FIELDS = (
    "part",
    "topic",
    "partition",
    "offset",
    "last_offset",
    "error",
    "waiting_s",
    "waited_s",
    "partitions",
)


class TextFormatter(logging.Formatter):
    """Time, level, text, and then the fields as name=value."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the base class's name
        """Return the line of one log event."""
        fields = " ".join(
            f"{name}={value}" for name in FIELDS if (value := getattr(record, name, None)) is not None
        )
        return f"{super().formatMessage(record)} {fields}".rstrip()


def logging_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "{asctime}{levelname}{name}{message}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            },
            "text": {"()": "app.logs.TextFormatter"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": settings.log_format,
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": settings.log_level, "handlers": ["stderr"]},
        "loggers": {
            # One line a rebalance or a table each, at levels meant for developing Faust.
            "faust": {"level": "WARNING" if settings.log_level == "INFO" else settings.log_level},
            "mode": {"level": "WARNING" if settings.log_level == "INFO" else settings.log_level},
            # While a broker is down, it says so 70 times a second; the parts that wait say it once.
            "aiokafka": {"level": "CRITICAL" if settings.log_level == "INFO" else settings.log_level},
            "aiohttp.access": {"level": "WARNING"},
        },
    }
