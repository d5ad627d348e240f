"""What the person at the terminal asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings.topology import TopologySettings

_PRODUCTION = {"prod", "production"}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one run.

    Attributes:
        once: end when the samples have arrived, instead of at Ctrl-C.
        data: where to keep the data; None for a temporary directory.
        samples: whether to play them; None to play them unless this is production.
        web_port: the first port to try for the web views; None for what settings say.
        api_port: the first port to try for the API; None for what settings say.
    """

    once: bool = False
    data: Path | None = None
    samples: bool | None = None
    web_port: int | None = None
    api_port: int | None = None

    def plays_samples_into(self, topology: TopologySettings) -> bool:
        """Tell whether samples are to be played into an environment."""
        return not is_production(topology) if self.samples is None else self.samples


def is_production(topology: TopologySettings) -> bool:
    """Tell whether VLAB_ENV names production: `prod`, `production`, or one of several such as `prod-eu`."""
    return not _PRODUCTION.isdisjoint(topology.vlab_env.split("-"))
