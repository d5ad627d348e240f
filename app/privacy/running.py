"""What a process does of learners' data: built when it starts, and ended with it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.kafka.topics import topics_of
from app.privacy.erasing import Erasures
from app.privacy.places import places_of
from app.privacy.service import PrivacyRequests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.exports.files import ExportFiles
    from app.settings.topology import TopologySettings
    from app.threads.service import LearnerThreads


@asynccontextmanager
async def open_privacy(
    topology: TopologySettings, threads: LearnerThreads, files: ExportFiles, *, is_on: bool
) -> AsyncIterator[PrivacyRequests | None]:
    """Give what routes and pages work with, until the end of the block; None where nobody is to ask here.

    What was asked for before that is carried out all the same.

    Args:
        topology: which topics are ours.
        threads: of the process.
        files: those of exports.
        is_on: whether somebody may ask here.
    """
    topics = topics_of(topology)
    places = places_of(topics.thread_events.name, topics.exports.name)
    async with Erasures(threads, places) as erasures:
        requests = PrivacyRequests(threads, files, erasures)
        yield requests if is_on else None
