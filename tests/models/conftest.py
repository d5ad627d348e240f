"""How hypothesis runs here: without its time limit, which a busy machine exceeds for no fault of the code."""

from hypothesis import settings

settings.register_profile("no time limit", deadline=None)
settings.load_profile("no time limit")
