"""What every area of settings is: a small frozen model whose fields are named after variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Area(BaseModel):
    """Settings that belong together. It reads nothing by itself: `app.settings.load_settings` fills it.

    A new setting is one line, a field; the variable that sets it has the prefix and the field's name, in
    capitals. README has a row for it (a test keeps the two equal). Names say the unit of a duration or a
    size; where one says none, it is a count.

    Attributes:
        prefix: what the names of this area's variables begin with; empty where they have nothing in common.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    prefix: ClassVar[str] = ""

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Return the variables of this area with the fields that they set."""
        return {f"{cls.prefix}{field}".upper(): field for field in cls.model_fields}
