"""Persist of states: records of the state topic → how bots stand with people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client import Counter

from models.bot_states import bot_state_of
from models.errors import BadRecord

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord
    from prometheus_client import CollectorRegistry

    from agents.chunks import Chunk
    from models.bot_states import BotState
    from models.surveys import SurveyMap
    from sinks.postgres.bot_states import BotStatesSink
    from sinks.postgres.fresh import Fresh


class PersistStates:
    """Keeps the states of a chunk. One that tells nothing is counted: capture has it in the dead letters.

    Args:
        sink: keeps them.
        surveys: knows which survey a page and a shortcode belong to, for states that do not tell it.
        registry: what is asked for the figures; None where nobody asks.
    """

    def __init__(
        self, sink: BotStatesSink, surveys: Fresh[SurveyMap], registry: CollectorRegistry | None = None
    ) -> None:
        self._sink = sink
        self._surveys = surveys
        self.unusable = Counter(
            "chatlog_bot_states_unusable",
            "Records of the state topic that tell nothing of how a bot stands with somebody.",
            registry=registry,
        )

    async def __call__(self, chunk: Chunk) -> None:
        """Return when every state of `chunk` is a committed row, or can be none."""
        surveyid_of = (await self._surveys.known()).surveyid_of
        states: list[tuple[BotState, ConsumerRecord]] = []
        for record in chunk:
            try:
                state = bot_state_of(record.value)
            except BadRecord:
                self.unusable.inc()
                continue
            if state.surveyid is None:
                found = surveyid_of(state.pageid, state.shortcode, state.updated * 1000)
                state = replace(state, surveyid=found)
            states.append((state, record))
        refused = await self._sink.write(states)
        self.unusable.inc(len(refused))
