"""A worker that slept for longer than its session may not write on; one that only dozed may."""

import pytest

from app import wakefulness
from app.wakefulness import Wakefulness
from sinks.errors import CannotGoOn


class Clock:
    """`time.monotonic` as the test sets it."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wakefulness, "time", made)
    return made


def test_a_worker_that_dozed_goes_on(clock: Clock) -> None:
    worker = Wakefulness(limit_s=20)
    for _ in range(10):
        clock.now_s += 19
        worker.check()


def test_a_worker_that_overslept_never_goes_on(clock: Clock) -> None:
    worker = Wakefulness(limit_s=20)
    clock.now_s += 21
    for _ in range(2):
        with pytest.raises(CannotGoOn, match="start it again"):
            worker.check()
