"""What the person at the terminal sees: steps with a spinner on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType
    from rich.progress import TaskID
    from rich.style import StyleType

#: Wide lines are hard to read.
MAX_WIDTH = 100


class Step:
    """Something that takes a while. Set `done` to what there is to say when it has succeeded."""

    def __init__(self, screen: Screen, doing: str) -> None:
        self._screen = screen
        self.doing = doing
        self.done = doing
        self.task: TaskID | None = None

    def update(self, doing: str) -> None:
        """Say what is being done now, where lines can be changed."""
        self.doing = doing
        if self._screen.is_live:
            self._screen.show(self)


class Screen:
    """The output of one run."""

    def __init__(self, console: Console | None = None) -> None:
        if console is None:
            # A terminal that cannot show a character shows a question mark instead of ending the run.
            getattr(sys.stdout, "reconfigure", dict)(errors="replace")
            console = Console(highlight=False)
        self._console = console
        self._progress: Progress | None = None

    @property
    def is_live(self) -> bool:
        """Whether lines can be changed once they are shown."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    @property
    def width(self) -> int:
        """How wide a line may be on a terminal."""
        return min(self._console.width, MAX_WIDTH)

    def say(self, text: RenderableType, style: StyleType = "") -> None:
        """Print a line, or several."""
        text = Text(text, style) if isinstance(text, str) else text
        # Elsewhere than on a terminal a line is whole, however long.
        self._console.print(text, soft_wrap=not self.is_live)

    @contextmanager
    def step(self, doing: str) -> Iterator[Step]:
        """Show that something is being done, until it has succeeded or failed."""
        step, started = Step(self, doing), time.monotonic()
        self.show(step)
        try:
            yield step
        except BaseException:
            self._hide(step)
            raise
        self._hide(step)
        took = f"{time.monotonic() - started:.1f} s"
        self.say(Text.assemble(("✓ ", "green"), step.done, (f"  {took}", "dim")))

    def show(self, step: Step) -> None:
        """Show what a step does now."""
        if not self.is_live:
            self.say(f"  {step.doing} …")
            return
        if self._progress is None:
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.start()
        if step.task is None:
            step.task = self._progress.add_task(step.doing, total=None)
        else:
            self._progress.update(step.task, description=step.doing)

    def _hide(self, step: Step) -> None:
        if self._progress is None or step.task is None:
            return
        self._progress.remove_task(step.task)
        if not self._progress.tasks:
            # So that the cursor is back, and nothing redraws while conversations are printed.
            self._progress.stop()
            self._progress = None
