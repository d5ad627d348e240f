"""A bad record says why, for machines and for people."""

import pickle

from models.errors import BadRecord, Reason


def test_it_reads_as_reason_and_detail() -> None:
    refused = BadRecord(Reason.MISSING_FIELD, "userid: missing or empty")
    assert str(refused) == "missing_field: userid: missing or empty"
    assert (refused.reason, refused.detail) == ("missing_field", "userid: missing or empty")


def test_it_survives_the_way_to_another_process() -> None:
    refused = pickle.loads(pickle.dumps(BadRecord(Reason.TOO_DEEP, "too deep")))
    assert (refused.reason, refused.detail) == (Reason.TOO_DEEP, "too deep")
