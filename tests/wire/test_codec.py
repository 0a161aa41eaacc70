"""Requests in, answers out: what is taken, what is forgiven, what is no JSON of this API."""

import json
import time
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, inspect

from penstock.wire import types
from penstock.wire.catalog import OPERATIONS
from penstock.wire.codec import decode, encode
from penstock.wire.errors import SerializationException, ValidationException
from wire.samples import JOB_ID, anything, smallest

SUCCESS = OPERATIONS["PutJobSuccessResult"]
OUTLINES = {name: inspect.type_info(operation.input) for name, operation in OPERATIONS.items()}
OUTPUTS = [operation.output for operation in OPERATIONS.values() if operation.output is not None]


def success(**members: Any) -> types.PutJobSuccessResultInput:
    request = decode(SUCCESS, json.dumps({"jobId": JOB_ID, **members}).encode())
    assert isinstance(request, types.PutJobSuccessResultInput)
    return request


def refusal(body: bytes, name: str = "PutJobSuccessResult") -> SerializationException:
    with pytest.raises(SerializationException) as caught:
        decode(OPERATIONS[name], body)
    return caught.value


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_takes_its_smallest_request(name):
    body = json.dumps(smallest(OUTLINES[name])).encode()
    assert isinstance(decode(OPERATIONS[name], body), OPERATIONS[name].input)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.data())
def test_what_is_encoded_is_decoded_to_the_same(data):
    name = data.draw(st.sampled_from(sorted(OPERATIONS)))
    request = data.draw(anything(OUTLINES[name]))
    assert decode(OPERATIONS[name], encode(request)) == request


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.data())
def test_an_answer_is_encoded_with_its_required_members_and_without_nulls(data):
    kind: type[Struct] = data.draw(st.sampled_from(OUTPUTS))
    answer = data.draw(anything(inspect.type_info(kind)))
    assert b"null" not in encode(answer).replace(b'"null"', b"")
    assert msgspec.json.decode(encode(answer), type=kind) == answer


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(name=st.sampled_from(sorted(OPERATIONS)), body=st.binary(max_size=30))
def test_garbage_is_refused_by_name(name, body):
    with suppress(SerializationException, ValidationException):
        decode(OPERATIONS[name], body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.data())
def test_json_of_any_type_at_any_member_is_read_or_refused_by_name(data):
    name = data.draw(st.sampled_from(sorted(OPERATIONS)))
    names = [field.encode_name for field in OUTLINES[name].fields]
    request = (
        {**smallest(OUTLINES[name]), **data.draw(st.dictionaries(st.sampled_from(names), json_values))} if names else {}
    )
    with suppress(SerializationException, ValidationException):
        assert isinstance(decode(OPERATIONS[name], json.dumps(request).encode()), OPERATIONS[name].input)


def test_an_empty_body_is_an_empty_object():
    assert decode(OPERATIONS["ListPipelines"], b"") == types.ListPipelinesInput()


def test_no_output_is_no_body_and_an_empty_output_is_an_empty_object():
    assert encode(None) == b""
    assert encode(types.TagResourceOutput()) == b"{}"


def test_empty_lists_and_maps_are_kept():
    assert encode(types.PollForJobsOutput(jobs=())) == b'{"jobs":[]}'
    assert encode(types.ActionConfiguration(configuration={})) == b'{"configuration":{}}'


def test_unknown_members_are_ignored():
    assert success(__type="PutJobSuccessResultInput", other={"deep": [None]}) == success()


def test_a_null_member_is_an_absent_one():
    assert success(continuationToken=None, outputVariables=None) == success()


def test_members_in_upper_case_are_read_and_written_so():
    operation = OPERATIONS["ListWebhooks"]
    assert decode(operation, b'{"NextToken":"t","MaxResults":1}') == types.ListWebhooksInput(
        next_token="t", max_results=1
    )
    assert decode(operation, b'{"nextToken":"t"}') == types.ListWebhooksInput()
    assert encode(types.ListWebhooksOutput(next_token="t")) == b'{"NextToken":"t"}'


@pytest.mark.parametrize("percent", [b"50", b"50.0", b"5e1", b"50.9"])
def test_an_integer_may_be_written_as_a_decimal(percent):
    body = b'{"jobId":"%s","executionDetails":{"percentComplete":%s}}' % (JOB_ID.encode(), percent)
    request = decode(SUCCESS, body)
    assert request == success(executionDetails={"percentComplete": 50})


@pytest.mark.parametrize(
    "created",
    [
        1427298837,
        1427298837.0,
        "2015-03-25T15:53:57Z",
        "2015-03-25T15:53:57.000Z",
        "2015-03-25T16:53:57+01:00",
        "2015-03-25T15:53:57",
    ],
)
def test_a_timestamp_is_a_number_of_seconds_or_an_iso_date(created):
    revision = success(currentRevision={"revision": "r", "changeIdentifier": "c", "created": created}).current_revision
    assert revision is not None
    assert revision.created == 1427298837.0
    assert isinstance(revision.created, float)


def test_null_elements_are_dropped():
    assert success(outputVariables={"a": None, "b": "1"}) == success(outputVariables={"b": "1"})
    untag = OPERATIONS["UntagResource"]
    request = decode(untag, b'{"resourceArn":"arn:aws:codepipeline:r:000000000000:p","tagKeys":[null,"k"]}')
    assert isinstance(request, types.UntagResourceInput)
    assert request.tag_keys == ("k",)


def test_a_mended_request_loses_nothing_else():
    request = success(executionDetails={"summary": "s", "percentComplete": 1.0}, outputVariables={"v": ""})
    assert request == success(executionDetails={"summary": "s", "percentComplete": 1}, outputVariables={"v": ""})


def test_a_configuration_value_may_be_longer_than_the_model_says():
    long = types.ActionConfiguration(configuration={"EnvironmentVariables": "x" * 50_000})
    assert msgspec.json.decode(encode(long), type=types.ActionConfiguration) == long


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b'"text"',
        b"1",
        b'{"jobId":}',
        b'{"jobId":"x"} trailing',
        b"\xef\xbb\xbf{}",
        '{"jobId":"x"}'.encode("utf-16"),
        b'{"jobId":"\xff"}',
        b'{"jobId":"\\ud800"}',
        b'{"jobId":"\\udc00\\ud800"}',
        b'{"currentRevision":{"created":NaN}}',
        b'{"currentRevision":{"created":Infinity}}',
        b'{"currentRevision":{"created":1e999}}',
        b'{"executionDetails":{"percentComplete":' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b'{"jobId":' + b"[" * 100_000,
        b'{"other":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"other":' * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_json_is_refused_without_a_message(body):
    assert refusal(body).body() == b'{"__type":"SerializationException"}'


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"jobId": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({"jobId": 1.5}, "NUMBER_VALUE can not be converted to a String"),
        ({"jobId": False}, "FALSE_VALUE can not be converted to a String"),
        ({"jobId": ["x"]}, "Start of list found where not expected"),
        ({"jobId": {}}, "Start of structure or map found where not expected."),
        ({"executionDetails": {"percentComplete": "1"}}, "STRING_VALUE can not be converted to an Integer"),
        ({"executionDetails": {"percentComplete": True}}, "TRUE_VALUE can not be converted to an Integer"),
        ({"executionDetails": []}, "Start of list found where not expected"),
        ({"executionDetails": "x"}, "Expected null"),
        ({"outputVariables": "x"}, "Expected map or null"),
        ({"outputVariables": {"v": False}}, "FALSE_VALUE can not be converted to a String"),
        ({"currentRevision": {"created": "soon"}}, "STRING_VALUE can not be converted to milliseconds since epoch"),
        ({"currentRevision": {"created": True}}, "TRUE_VALUE can not be converted to milliseconds since epoch"),
    ],
)
def test_a_wrong_json_type_is_refused_by_name(members, message):
    assert refusal(json.dumps({"jobId": JOB_ID, **members}).encode()).message == message


def test_a_list_is_expected_where_there_is_one():
    assert refusal(b"[]").message == "Start of list found where not expected"
    assert refusal(b'{"tagKeys":"k"}', "UntagResource").message == "Expected list or null"
    assert refusal(b'{"tagKeys":{}}', "UntagResource").message == "Start of structure or map found where not expected."
    assert refusal(b'{"tagKeys":[1]}', "UntagResource").message == "NUMBER_VALUE can not be converted to a String"


def test_a_boolean_is_neither_text_nor_a_number():
    body = b'{"pipelineName":"p","pipelineExecutionId":"%s","abandon":%s}'
    for abandon, message in [
        (b'"true"', "STRING_VALUE can not be converted to a Boolean"),
        (b"1", "NUMBER_VALUE can not be converted to a Boolean"),
    ]:
        assert refusal(body % (JOB_ID.encode(), abandon), "StopPipelineExecution").message == message


def test_a_wrong_type_is_told_before_any_broken_constraint():
    assert refusal(b'{"jobId":"x","continuationToken":1}').code == "SerializationException"


@pytest.mark.parametrize("text", [JOB_ID + "\n", JOB_ID + "0", " " + JOB_ID, "prefix-" + JOB_ID])
def test_a_pattern_must_match_the_whole_value(text):
    with pytest.raises(ValidationException):
        success(jobId=text)


@pytest.mark.parametrize("odd", ["aws-\u00e9", "aws-\u0663", "aws-\uff53"])
def test_letters_of_other_alphabets_are_none_of_a_pattern(odd):
    """In the service's regular expressions, which are Java's, a word is made of ASCII."""
    body = b'{"resourceArn":"arn:%b:codepipeline:us-east-1:000000000000:line","tags":[]}'
    assert decode(OPERATIONS["TagResource"], body % b"aws-us-gov")
    with pytest.raises(ValidationException) as caught:
        decode(OPERATIONS["TagResource"], body % odd.encode())
    assert caught.value.message.endswith(r"regular expression pattern: arn:aws(-[\w]+)*:codepipeline:.+:[0-9]{12}:.+")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("TagResource", b'{"resourceArn":"arn:aws:codepipeline:%s\\n","tags":[]}' % (b":000000000000:" * 70_000)),
        ("TagResource", b'{"resourceArn":"arn:aws:codepipeline%s\\n"}' % (b":000000000000" * 150)),
        ("CreatePipeline", b'{"pipeline":{"stages":[%s{}]}}' % (b"{}," * 300_000)),
        ("CreatePipeline", b'{"pipeline":{"stages":[%s{}]}}' % (b'{"name":"a","actions":[]},' * 38_000)),
    ],
)
def test_a_large_bad_request_is_refused_in_time(name, body):
    begun = time.perf_counter()
    with pytest.raises(ValidationException) as caught:
        decode(OPERATIONS[name], body)
    assert time.perf_counter() - begun < 5
    assert len(caught.value.body()) < 100_000
