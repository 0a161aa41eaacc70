"""An error is its class's name, a status and a message."""

import json

import pytest

from penstock.wire import errors


def test_an_error_is_told_by_its_name_and_message():
    error = errors.JobNotFoundException("no such job")
    assert (error.code, error.status, str(error)) == ("JobNotFoundException", 400, "no such job")
    assert json.loads(error.body()) == {"__type": "JobNotFoundException", "message": "no such job"}


def test_an_error_without_a_message_has_none():
    assert errors.UnknownOperationException().body() == b'{"__type":"UnknownOperationException"}'


def test_an_error_has_its_usual_message_unless_given_another():
    assert errors.ThrottlingException().message == "Rate exceeded"
    assert errors.ThrottlingException("slower").message == "slower"


@pytest.mark.parametrize(
    ("error", "status"),
    [(errors.InternalFailure(), 500), (errors.ServiceUnavailable(), 503), (errors.DryRunOperation(), 412)],
)
def test_three_errors_have_a_status_of_their_own(error, status):
    assert error.status == status
    assert error.message
