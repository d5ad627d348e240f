"""The real application on real services, as programs and browsers ask it."""

from tests.site.fixtures import *  # noqa: F403  its fixtures, by their names
