"""Which page of a long list is shown."""

import pytest

from app.web.paging import Paging


@pytest.mark.parametrize(
    ("asked", "total", "number", "last"),
    [
        (1, 300, 1, 12),
        (12, 300, 12, 12),
        (13, 300, 12, 12),
        (2, 26, 2, 2),
        (2, 25, 1, 1),
        (5, 0, 1, 1),
        (10**30, 51, 3, 3),
    ],
)
def test_a_page_that_does_not_exist_is_the_nearest_one(
    asked: int, total: int, number: int, last: int
) -> None:
    assert Paging.nearest(asked, total, size=25) == Paging(number, last, total)
