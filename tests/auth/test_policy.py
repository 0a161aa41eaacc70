"""IAM evaluation, as tables: these documents, this question, that answer."""

import json
import time

import pytest

from penstock.auth.policy import Decision, check, condition_keys, decide

ALLOW, EXPLICIT, IMPLICIT = Decision.ALLOW, Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY
PIPELINE = "arn:aws:codepipeline:us-east-1:123456789012:site"
START = "codepipeline:StartPipelineExecution"


def document(*statements, version="2012-10-17"):
    return json.dumps({"Version": version, "Statement": list(statements)})


def statement(effect="Allow", action="codepipeline:*", resource="*", condition=None):
    text = {"Effect": effect, "Action": action, "Resource": resource}
    return text if condition is None else {**text, "Condition": condition}


def ask(*statements, action=START, resource=PIPELINE, context=None):
    return decide((document(*statements),), action, resource, context or {})


def test_nothing_said_is_a_no():
    assert decide((), START, PIPELINE, {}) is IMPLICIT
    assert ask() is IMPLICIT
    assert ask(statement(action="s3:*")) is IMPLICIT


def test_an_explicit_deny_wins_wherever_it_stands():
    allow, deny = statement(), statement("Deny", START)
    assert ask(allow, deny) is EXPLICIT
    assert ask(deny, allow) is EXPLICIT
    assert decide((document(allow), document(deny)), START, PIPELINE, {}) is EXPLICIT
    assert ask(allow, statement("Deny", "codepipeline:DeletePipeline")) is ALLOW


def test_one_statement_needs_no_list():
    assert decide((json.dumps({"Statement": statement()}),), START, PIPELINE, {}) is ALLOW


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ("*", True),
        ("codepipeline:*", True),
        ("codepipeline:StartPipelineExecution", True),
        ("CodePipeline:startpipelineexecution", True),
        ("codepipeline:Start*", True),
        ("codepipeline:*Execution", True),
        ("codepipeline:S*P*n", True),
        ("codepipeline:StartPipelineExecutio?", True),
        ("codepipeline:Start?ipeline*", True),
        ("codepipeline:Start", False),
        ("codepipeline:StartPipelineExecution?", False),
        ("codepipeline:*Executions", False),
        ("codepipeline:Stop*", False),
        ("s3:*", False),
        (["s3:*", "codepipeline:Start*"], True),
        ([], False),
    ],
)
def test_actions_match_with_wildcards_in_any_case(pattern, is_match):
    assert ask(statement(action=pattern)) is (ALLOW if is_match else IMPLICIT)
    excepted = {"Effect": "Allow", "NotAction": pattern, "Resource": "*"}
    assert ask(excepted) is (IMPLICIT if is_match else ALLOW)


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        ("*", True),
        (PIPELINE, True),
        (f"{PIPELINE}*", True),
        ("arn:aws:codepipeline:*:123456789012:site", True),
        ("arn:aws:codepipeline:us-east-1:*", True),
        ("arn:*:site", True),
        ("arn:*:s?te", True),
        ("arn:aws:codepipeline:us-east-1:123456789012:Site", False),
        (f"{PIPELINE}/*", False),
        ("arn:aws:codepipeline:eu-*", False),
        ("arn:*:s?it", False),
        ([f"{PIPELINE}x", PIPELINE], True),
    ],
)
def test_resources_match_with_wildcards_and_their_case(pattern, is_match):
    assert ask(statement(resource=pattern)) is (ALLOW if is_match else IMPLICIT)
    excepted = {"Effect": "Allow", "Action": "*", "NotResource": pattern}
    assert ask(excepted) is (IMPLICIT if is_match else ALLOW)


def test_dots_and_brackets_of_a_pattern_stand_for_themselves():
    assert ask(statement(resource="arn:aws:s3:::a.b/[x]*"), resource="arn:aws:s3:::a.b/[x]y") is ALLOW
    assert ask(statement(resource="arn:aws:s3:::a.b/*"), resource="arn:aws:s3:::aXb/y") is IMPLICIT
    assert ask(statement(resource="arn:aws:s3:::b/*"), resource="arn:aws:s3:::b/line\nbreak") is ALLOW


def test_escaped_wildcards_stand_for_themselves():
    exact = statement(resource="arn:aws:s3:::b/${*}${?}${$}")
    assert ask(exact, resource="arn:aws:s3:::b/*?$") is ALLOW
    assert ask(exact, resource="arn:aws:s3:::b/xy$") is IMPLICIT
    both = statement(resource="arn:aws:s3:::b/${*}/*")
    assert ask(both, resource="arn:aws:s3:::b/*/x") is ALLOW
    assert ask(both, resource="arn:aws:s3:::b/y/x") is IMPLICIT


CONDITIONS = [
    ({"StringEquals": {"aws:k": "v"}}, {"aws:k": "v"}, True),
    ({"StringEquals": {"AWS:K": "v"}}, {"Aws:k": "v"}, True),
    ({"StringEquals": {"aws:k": ["u", "v"]}}, {"aws:k": "v"}, True),
    ({"StringEquals": {"aws:k": "v"}}, {"aws:k": "V"}, False),
    ({"StringEquals": {"aws:k": "v*"}}, {"aws:k": "vx"}, False),
    ({"StringEquals": {"aws:k": "v"}}, {}, False),
    ({"StringEqualsIfExists": {"aws:k": "v"}}, {}, True),
    ({"StringEqualsIfExists": {"aws:k": "v"}}, {"aws:k": "u"}, False),
    ({"StringNotEquals": {"aws:k": "v"}}, {"aws:k": "u"}, True),
    ({"StringNotEquals": {"aws:k": "v"}}, {}, True),
    ({"StringNotEquals": {"aws:k": ["u", "v"]}}, {"aws:k": "v"}, False),
    ({"StringNotEqualsIfExists": {"aws:k": "v"}}, {}, True),
    ({"StringEqualsIgnoreCase": {"aws:k": "v"}}, {"aws:k": "V"}, True),
    ({"StringNotEqualsIgnoreCase": {"aws:k": "v"}}, {"aws:k": "V"}, False),
    ({"StringLike": {"aws:k": "v*?"}}, {"aws:k": "vx"}, True),
    ({"StringLike": {"aws:k": "v*?"}}, {"aws:k": "v"}, False),
    ({"StringNotLike": {"aws:k": ["v*", "u*"]}}, {"aws:k": "ux"}, False),
    ({"StringNotLike": {"aws:k": ["v*", "u*"]}}, {"aws:k": "x"}, True),
    ({"ArnLike": {"aws:k": "arn:aws:iam::*:user/*"}}, {"aws:k": "arn:aws:iam::1:user/a"}, True),
    ({"ArnLike": {"aws:k": "arn:aws:*:user/a"}}, {"aws:k": "arn:aws:iam::1:user/a"}, None),
    ({"ArnLike": {"aws:k": "arn:aws:*:*:*:user/a"}}, {"aws:k": "arn:aws:iam:x:y:1:user/a"}, False),
    ({"ArnEquals": {"aws:k": "arn:aws:iam::1:user/?"}}, {"aws:k": "arn:aws:iam::1:user/a"}, True),
    ({"ArnEquals": {"aws:k": "arn:aws:iam::1:user/?"}}, {"aws:k": "no arn"}, False),
    ({"ArnNotLike": {"aws:k": "arn:aws:iam::1:*"}}, {"aws:k": "arn:aws:iam::2:x"}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "10.1.2.3"}, True),
    ({"IpAddress": {"aws:SourceIp": ["192.168.0.1", "2001:db8::/32"]}}, {"aws:SourceIp": "2001:db8::1"}, True),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "11.1.2.3"}, False),
    ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "nowhere"}, False),
    ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:SourceIp": "11.1.2.3"}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "true"}, True),
    ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "TRUE"}, True),
    ({"Bool": {"aws:SecureTransport": False}}, {"aws:SecureTransport": "true"}, False),
    ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
    ({"BoolIfExists": {"aws:SecureTransport": "false"}}, {}, True),
    ({"Null": {"aws:k": "true"}}, {}, True),
    ({"Null": {"aws:k": "true"}}, {"aws:k": "v"}, False),
    ({"Null": {"aws:k": False}}, {"aws:k": "v"}, True),
    ({"NumericLessThan": {"n": 10}}, {"n": "9.5"}, True),
    ({"NumericLessThanEquals": {"n": "10"}}, {"n": "10"}, True),
    ({"NumericGreaterThan": {"n": "10"}}, {"n": "10"}, False),
    ({"NumericGreaterThanEquals": {"n": ["10", "20"]}}, {"n": "10"}, True),
    ({"NumericEquals": {"n": "1"}}, {"n": "1.0"}, True),
    ({"NumericNotEquals": {"n": "1"}}, {"n": "1.0"}, False),
    ({"NumericEquals": {"n": "1"}}, {"n": "one"}, False),
    ({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}, {"aws:CurrentTime": "2029-12-31T23:59:59Z"}, True),
    ({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}, {"aws:CurrentTime": "2030-01-01T00:00:00Z"}, False),
    ({"DateLessThanEquals": {"aws:CurrentTime": "2030-01-01"}}, {"aws:CurrentTime": "2030-01-01T00:00:00Z"}, True),
    ({"DateGreaterThan": {"d": "2030-01-01T01:00:00+02:00"}}, {"d": "2029-12-31T23:30:00Z"}, True),
    ({"DateGreaterThanEquals": {"aws:EpochTime": "1893456000"}}, {"aws:EpochTime": "1893456000"}, True),
    ({"DateEquals": {"d": "2030-01-01T00:00:00Z"}}, {"d": "1893456000"}, True),
    ({"DateNotEquals": {"d": "2030-01-01T00:00:00Z"}}, {"d": "1893456000"}, False),
    ({"DateLessThan": {"d": "2030-01-01"}}, {"d": "no date"}, False),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": "b"}, True),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ("x", "b")}, True),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ("x", "y")}, False),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ()}, False),
    ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ("a", "b")}, True),
    ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ("a",)}, False),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ("b", "a")}, True),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ("a", "x")}, False),
    ({"ForAllValues:StringLike": {"aws:TagKeys": "a*"}}, {"aws:TagKeys": ("a", "ab")}, True),
    ({"ForAllValues:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ("b", "c")}, True),
    ({"ForAllValues:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ("b", "a")}, False),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ()}, True),
    ({"StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ("a", "b")}, False),
    ({"StringEquals": {"aws:TagKeys": ["a", "b"]}}, {"aws:TagKeys": ("a", "b")}, True),
    ({"StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ("b", "a")}, False),
    ({"StringEquals": {"k": ""}}, {"k": ""}, True),
    ({"StringNotEquals": {"k": "v"}}, {"k": ()}, True),
    ({"Null": {"aws:TagKeys": "true"}}, {"aws:TagKeys": ()}, True),
    ({"Null": {"k": "true"}}, {"k": ""}, False),
    ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {}, False),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {}, True),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": "b"}, False),
    ({"StringEquals": {"a": "1", "b": "2"}}, {"a": "1", "b": "2"}, True),
    ({"StringEquals": {"a": "1", "b": "2"}}, {"a": "1"}, False),
    ({"StringEquals": {"a": "1"}, "Bool": {"b": "true"}}, {"a": "1", "b": "false"}, False),
    ({}, {}, True),
    ({"StringEquals": {"aws:k": []}}, {"aws:k": "v"}, False),
    ({"StringEquals": {"aws:k": "${$}{x}"}}, {"aws:k": "${x}"}, True),
]


@pytest.mark.parametrize(("condition", "context", "holds"), CONDITIONS)
def test_conditions_hold_or_not(condition, context, holds):
    said = ask(statement(condition=condition), context=context)
    # None: not a condition at all, and so nothing is allowed.
    assert said is {True: ALLOW, False: IMPLICIT, None: EXPLICIT}[holds]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`"),
        ("{}", "missing required field `Statement`"),
        ('{"Statement": [], "Version": "2020-01-01"}', "Invalid enum value"),
        (document({**statement(), "Principal": "*"}), "unknown field `Principal`"),
        (document({**statement(), "Effect": "Maybe"}), "Invalid enum value"),
        (document({"Effect": "Allow", "Action": "*"}), "either Resource or NotResource"),
        (document({**statement(), "NotAction": "*"}), "either Action or NotAction"),
        (document(statement(action="Start")), "Action 'Start' must be"),
        (document(statement(resource="site")), "Resource 'site' must be"),
        (document(statement(condition={"BinaryEquals": {"k": "eA=="}})), "'BinaryEquals' is not supported"),
        (
            document(statement(condition={"DateLessThan": {"aws:CurrentTime": "soon"}})),
            "Invalid isoformat string: 'soon'",
        ),
        (document(statement(condition={"Some:Bool": {"k": "true"}})), "'Some:Bool' is not supported"),
        (document(statement(condition={"stringequals": {"k": "v"}})), "'stringequals' is not supported"),
        (document(statement(condition={"Bool": {"k": "yes"}})), "true or false"),
        (document(statement(condition={"Null": {"k": "yes"}})), "true or false"),
        (document(statement(condition={"ArnLike": {"k": "arn:aws"}})), "ARNs of six parts"),
        (document(statement(condition={"IpAddress": {"k": "10.0.0.0/99"}})), "10.0.0.0/99"),
        (document(statement(condition={"NumericEquals": {"k": "one"}})), "one"),
        (document(statement(condition={"StringEquals": {"k": {}}})), "Expected"),
        (document(statement(resource="arn:aws:s3:::home/${aws:username}/*")), "Policy variables are not supported"),
    ],
)
def test_a_document_that_is_not_understood_is_refused_and_denies_everything(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        check(text)
    assert decide((document(statement()), text), START, PIPELINE, {}) is EXPLICIT


def test_a_document_that_is_understood_passes_the_check():
    check(document(statement(condition=CONDITIONS[0][0]), {**statement("Deny"), "Sid": "No"}))
    check(json.dumps({"Id": "x", "Statement": []}))


def test_before_2012_a_variable_was_text():
    old = document(statement(resource="arn:aws:s3:::b/${aws:username}"), version="2008-10-17")
    assert decide((old,), START, "arn:aws:s3:::b/${aws:username}", {}) is ALLOW


def test_answers_that_depend_on_the_context_are_not_remembered():
    conditional = statement(condition={"StringEquals": {"k": "v"}})
    assert ask(conditional, context={"k": "v"}) is ALLOW
    assert ask(conditional, context={"k": "u"}) is IMPLICIT


def test_of_several_values_one_is_enough_to_deny():
    denied = statement("Deny", condition={"StringEquals": {"aws:RequestTag/Stage": "prod"}})
    spared = statement("Deny", condition={"StringNotEquals": {"aws:RequestTag/Stage": "dev"}})
    for values, is_denied in (("prod", "dev"), True), (("dev", "dev"), False):
        for each in (denied, spared):
            said = ask(statement(), each, context={"aws:requesttag/stage": values})
            assert (said is EXPLICIT) is is_denied


def test_documents_say_which_keys_they_ask_for():
    first = document(
        statement(condition={"StringEquals": {"aws:ResourceTag/Team": "a"}, "Null": {"AWS:SourceIp": False}})
    )
    second = document(statement("Deny", condition={"Bool": {"aws:SecureTransport": False}}), statement())
    assert condition_keys(()) == condition_keys((document(statement()),)) == frozenset()
    assert condition_keys((first, second)) == {"aws:resourcetag/team", "aws:sourceip", "aws:securetransport"}
    assert condition_keys(("not a policy",)) == frozenset()


def test_no_pattern_takes_long_to_fail():
    resource = "arn:" + "a" * 4000
    begun = time.perf_counter()
    assert ask(statement(resource="arn:" + "a*" * 200 + "b"), resource=resource) is IMPLICIT
    assert ask(statement(resource="arn:" + "*?a" * 200 + "b"), resource=resource) is IMPLICIT
    assert time.perf_counter() - begun < 1
