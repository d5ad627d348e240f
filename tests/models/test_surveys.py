"""Which survey a message belongs to: the rule, case by case."""

from __future__ import annotations

import pytest

from models.surveys import Page, SurveyMap, SurveyVersion

ANN, BEN = "ann", "ben"

SURVEYS = SurveyMap(
    pages=[
        Page("page-of-ann", ANN),
        Page("second-page-of-ann", ANN),
        Page("page-of-ben", BEN),
        Page("page-of-both", ANN),
        Page("page-of-both", BEN),
        # As a table may hold it that says nothing of being unique.
        Page("page-twice", ANN),
        Page("page-twice", ANN),
        Page("page-of-someone-without-surveys", "cy"),
    ],
    surveys=[
        # Not in the order of their making.
        SurveyVersion("ann-form-3", ANN, "form", 3_000),
        SurveyVersion("ann-form-1", ANN, "form", 1_000),
        SurveyVersion("ann-form-2", ANN, "form", 2_000),
        SurveyVersion("ben-form-1", BEN, "form", 1_500),
        SurveyVersion("ann-other", ANN, "other", 1_000),
        SurveyVersion("ann-at-once-b", ANN, "at-once", 1_000),
        SurveyVersion("ann-at-once-a", ANN, "at-once", 1_000),
    ],
)


@pytest.mark.parametrize(
    ("pageid", "shortcode", "timestamp_us", "surveyid"),
    [
        ("page-of-ann", "form", 2_500, "ann-form-2"),
        ("page-of-ann", "form", 9_999, "ann-form-3"),
        ("second-page-of-ann", "form", 2_500, "ann-form-2"),
        ("page-of-ann", "other", 2_500, "ann-other"),
        ("page-twice", "form", 2_500, "ann-form-2"),
        ("page-of-ben", "form", 2_500, "ben-form-1"),
        ("page-of-ann", "form", 2_001, "ann-form-2"),
        ("page-of-ann", "form", 2_000, "ann-form-1"),
        ("page-of-ann", "form", 1_000, None),
        ("page-of-ann", "form", 0, None),
        ("page-of-ann", "at-once", 2_000, "ann-at-once-b"),
        ("page-of-ben", "other", 2_500, None),
        ("page-of-both", "form", 2_500, None),
        ("page-of-someone-without-surveys", "form", 2_500, None),
        ("page-of-nobody", "form", 2_500, None),
        ("page-of-ann", "unknown", 2_500, None),
        ("page-of-ann", "Form", 2_500, None),
        ("page-of-ann", None, 2_500, None),
        (None, "form", 2_500, None),
    ],
    ids=[
        "the newest that was made before it",
        "the newest of all",
        "any page of the owner",
        "its own shortcode",
        "a page that is listed twice",
        "another owner's page: that owner's survey",
        "a moment after a new version",
        "at the very moment of a new version: the one before",
        "at the moment of the first version",
        "before the first version",
        "two made at once: always the same",
        "a shortcode that only another owner has",
        "a page that two owners have",
        "an owner without surveys",
        "a page that nobody has",
        "a shortcode that nobody has",
        "shortcodes are compared exactly",
        "without a shortcode",
        "without a page",
    ],
)
def test_a_message_belongs_to_the_newest_survey_of_the_pages_owner_that_was_made_before_it(
    pageid: str | None, shortcode: str | None, timestamp_us: int, surveyid: str | None
) -> None:
    assert SURVEYS.surveyid_of(pageid, shortcode, timestamp_us) == surveyid


@pytest.mark.parametrize(
    ("pageid", "has_owner"),
    [
        ("page-of-ann", True),
        ("page-twice", True),
        ("page-of-someone-without-surveys", True),
        ("page-of-both", False),
        ("page-of-nobody", False),
    ],
)
def test_a_page_has_an_owner_when_it_has_one_alone(pageid: str, has_owner: bool) -> None:
    assert SURVEYS.has_owner(pageid) is has_owner


def test_without_any_surveys_nothing_is_said() -> None:
    assert SurveyMap().surveyid_of("page-of-ann", "form", 2_500) is None
    assert SurveyMap().size == 0


def test_it_knows_how_many_surveys_there_are() -> None:
    assert SURVEYS.size == 7
