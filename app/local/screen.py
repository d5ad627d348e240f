"""What the person at the terminal sees: steps with a spinner on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from app.local.transcript import bubbles, plain_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.status import Status
    from rich.style import StyleType

    from app.local.arrival import ToldMessage
    from samples import Conversation

#: Wide lines are hard to read.
_MAX_WIDTH = 100


class Step:
    """Something that takes a while. Set `done` to what there is to say when it has succeeded."""

    def __init__(self, screen: Screen, doing: str) -> None:
        self._screen = screen
        self.doing = doing
        self.done = doing

    def update(self, doing: str) -> None:
        """Say what is being done now, where lines can be changed."""
        self.doing = doing
        self._screen.refresh()


class Screen:
    """The output of one run."""

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(highlight=False)
        console.width = min(console.width, _MAX_WIDTH)
        self._console = console
        self._steps: list[Step] = []
        self._status: Status | None = None

    @property
    def is_live(self) -> bool:
        """Whether a line can be changed once it is shown."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def say(self, text: str | Text, style: StyleType = "") -> None:
        """Print a line, or several. The terminal wraps what is too long, so that it can be copied whole."""
        self._console.print(Text(text, style) if isinstance(text, str) else text, soft_wrap=True)

    def say_table(self, rows: Mapping[str, str], *, numbers: bool = False) -> None:
        """Print names with what belongs to them, which is aligned to the right for numbers."""
        side, other_side = max(map(len, rows)), max(map(len, rows.values()))
        for name, value in rows.items():
            shown = value.rjust(other_side) if numbers else value
            self.say(Text.assemble((f"{name:<{side}}  ", "dim"), shown))

    def say_conversation(
        self, conversation: Conversation, messages: Sequence[ToldMessage], note: str
    ) -> None:
        """Print a conversation."""
        if self.is_live:
            self.say(bubbles(conversation, messages, note, self._console))
        else:
            self.say(plain_lines(conversation, messages, note))

    @contextmanager
    def step(self, doing: str) -> Iterator[Step]:
        """Show that something is being done, until it has succeeded or failed."""
        step, started = Step(self, doing), time.monotonic()
        self._steps.append(step)
        if not self.is_live:
            self.say(f"  {doing} …")
        self.refresh()
        try:
            yield step
        finally:
            self._steps.remove(step)
            self.refresh()
        took = f"{time.monotonic() - started:.1f} s"
        self.say(Text.assemble(("✓ ", "green"), step.done, (f"  {took}", "dim")))

    def refresh(self) -> None:
        """Show in one line what is being done, or nothing if nothing is."""
        if not self.is_live:
            return
        if self._status is None:
            spinner = "line" if self._console.options.ascii_only else "dots"
            self._status = self._console.status("", spinner=spinner)
        doing = Text(" · ".join(step.doing for step in self._steps), no_wrap=True, overflow="ellipsis")
        self._status.update(doing)
        # Stopped in between, so that nothing is redrawn while conversations are printed.
        if self._steps:
            self._status.start()
        else:
            self._status.stop()
