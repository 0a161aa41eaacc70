"""The roles of a job: the pipeline's, and through it that of the action or of the rule."""

import msgspec
import pytest

from declarations import ROLE, action, pipeline, stage
from penstock.core.model import Gate, JobWork, TypeId
from penstock.core.roles import roles_of_work
from penstock.wire import types as wire

OF_ACTION, OF_RULE = "arn:aws:iam::123456789012:role/action", "arn:aws:iam::123456789012:role/rule"


def rule(name: str, **more: str) -> dict[str, object]:
    identity = {"category": "Rule", "owner": "AWS", "provider": "LambdaInvoke", "version": "1"}
    return {"name": name, "ruleTypeId": identity, **more}


GATED = {
    **stage(
        "Build",
        action("Make", "Build", "Custom", "Builder", roleArn=OF_ACTION),
        action("Plain", "Build", "Custom", "B"),
    ),
    "beforeEntry": {"conditions": [{"result": "FAIL", "rules": [rule("Ask"), rule("Make", roleArn=OF_RULE)]}]},
}
DECLARATION = msgspec.convert(pipeline("line", GATED), wire.PipelineDeclaration)


@pytest.mark.parametrize(
    ("name", "gate", "roles"),
    [
        ("Plain", None, (ROLE,)),
        ("Make", None, (ROLE, OF_ACTION)),
        ("Ask", "beforeEntry", (ROLE,)),
        ("Make", "beforeEntry", (ROLE, OF_RULE)),
    ],
)
def test_a_job_works_under_its_own_role_if_it_has_one(name: str, gate: Gate | None, roles: tuple[str, ...]) -> None:
    identity = TypeId("Build", "Custom", "Builder", "1")
    work = JobWork(identity, {}, "line", "execution", "Build", name, "run", gate=gate)
    assert roles_of_work(DECLARATION, work) == roles
