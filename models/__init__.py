"""What the data is: events, states, entries, dead letters, and the pure functions on them.

Nothing here does I/O, reads a clock or the environment, or knows of Kafka and PostgreSQL beyond the limits
they put on a value.
"""

from typing import TypeAlias

#: A value as JSON can hold it.
JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
