"""The samples' surveys fit their conversations, and show what surveys can be like."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import samples
from models.entries import Direction
from models.surveys import Page, SurveyMap, SurveyVersion
from samples.surveys import Form, Owner, owners, responses

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLES, PARTNER = owners()


def _forms(*of: Owner) -> list[Form]:
    return [form for owner in of for survey in owner.surveys for form in survey.forms]


def _survey_map() -> SurveyMap:
    return SurveyMap(
        [Page(page.id, owner.id) for owner in owners() for page in owner.pages],
        [
            SurveyVersion(
                form.id, owner.id, form.shortcode, (form.created - EPOCH) // timedelta(microseconds=1)
            )
            for owner in owners()
            for form in _forms(owner)
        ],
    )


def test_messages_get_the_surveys_that_were_worked_out_by_hand() -> None:
    surveys = _survey_map()
    for conversation in samples.conversations():
        for row, with_survey in zip(conversation.expected, conversation.expected_with_surveys, strict=True):
            looked_up = surveys.surveyid_of(row.pageid, row.shortcode, row.timestamp * 1000)
            assert with_survey.surveyid == (row.surveyid or looked_up)


def test_one_conversation_gets_its_survey_only_by_the_lookup_and_another_not_even_so() -> None:
    without = {
        conversation.name: {row.surveyid for row in conversation.expected_with_surveys if row.shortcode}
        for conversation in samples.conversations()
        if any(row.shortcode and row.surveyid is None for row in conversation.expected)
    }

    assert without == {"yusuf": {"c7e4b6a1-0d58-4f3c-9b27-5a86d19f40e3"}, "lucia": {None}}


def test_what_the_bots_say_of_surveys_agrees_with_the_lookup() -> None:
    surveys = _survey_map()
    for conversation in samples.conversations():
        for row in conversation.expected:
            if row.surveyid is not None and row.pageid is not None:
                assert surveys.surveyid_of(row.pageid, row.shortcode, row.timestamp * 1000) == row.surveyid


def test_every_conversation_happens_on_a_page_of_an_owner() -> None:
    names = {page.id: page.name for owner in owners() for page in owner.pages}
    for conversation in samples.conversations():
        (pageid,) = {row.pageid for row in conversation.expected if row.pageid}
        assert names[pageid] == conversation.page


def test_there_are_surveys_of_every_kind() -> None:
    names = [survey.name for survey in SAMPLES.surveys]
    shortcodes = Counter(form.shortcode for form in _forms(SAMPLES))
    ids = [form.id for form in _forms(*owners())]

    assert any("/" in name for name in names)
    assert any(not name.isascii() for name in names)
    assert any(len({form.shortcode for form in survey.forms}) > 1 for survey in SAMPLES.surveys)
    assert max(shortcodes.values()) > 1
    assert set(shortcodes) & {form.shortcode for form in _forms(PARTNER)} == {"naqdi2"}
    assert len(ids) == len(set(ids))


def test_every_response_is_what_a_person_answered() -> None:
    rows = {row.key: row for conversation in samples.conversations() for row in conversation.expected}
    names = {form.id: form.shortcode for form in _forms(*owners())}
    for response in responses():
        at_ms = round(response.timestamp.timestamp() * 1000)
        row = rows[response.userid, at_ms, Direction.USER]
        assert (row.question_ref, row.shortcode) == (response.question_ref, response.shortcode)
        assert row.pageid == response.pageid
        assert row.surveyid in {None, response.surveyid}
        assert names[response.surveyid] == response.shortcode
        if row.message_type == "text":
            assert row.content == response.response


def test_there_are_as_many_responses_as_the_readme_says() -> None:
    assert len(responses()) == 38
    assert len({(each.userid, each.shortcode, each.question_ref) for each in responses()}) == 38
