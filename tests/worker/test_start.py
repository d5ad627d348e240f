"""Where the reading of a partition begins, given what is committed and what the log still holds."""

import pytest

from app.stream.progress import start_of


@pytest.mark.parametrize(
    ("committed", "beginning", "position", "counts_as_committed", "expired"),
    [
        pytest.param(70, 0, 70, 70, 0, id="as usual"),
        pytest.param(100, 0, 100, 100, 0, id="at the end"),
        pytest.param(100, 100, 100, 100, 0, id="all that was read expired"),
        pytest.param(70, 90, 90, 70, 20, id="records expired before they were read"),
        pytest.param(7, 10_000_007, 10_000_007, 7, 10_000_000, id="very many of them"),
        pytest.param(None, 30, 30, None, 0, id="nothing committed"),
        pytest.param(0, 0, 0, None, 0, id="Faust tells no commit as 0"),
        # Not decided here: after a failover the end may lag, and a shorter log shows when it is read.
        pytest.param(100, 0, 100, 100, 0, id="committed beyond the end"),
    ],
)
def test_where_reading_begins(
    committed: int | None,
    beginning: int,
    position: int,
    counts_as_committed: int | None,
    expired: int,
) -> None:
    start = start_of(committed, beginning)
    assert (start.position, start.committed, start.expired) == (position, counts_as_committed, expired)
