"""How often Python looks for garbage in cycles, and among what."""

from __future__ import annotations

import gc

#: Objects made before Python looks (its default is 700). A chunk, or some requests, are thousands of objects
#: and hardly a cycle: with the default, the search takes an eighth of capture's time.
THRESHOLD = 50_000


def spare_what_is_there() -> None:
    """Look among what is made from now on alone, and more rarely.

    What was imported stays anyway, and to look through it all would stop the process for a tenth of a second.
    """
    gc.collect()
    gc.set_threshold(THRESHOLD)
    gc.freeze()
