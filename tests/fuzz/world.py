"""What a fuzzed server is given first: types, pipelines, a partner, principals, webhooks; and good requests about them."""

import json
from typing import Any
from urllib.parse import urlsplit

from declarations import action, custom_source, custom_type, pipeline, stage
from fuzz.messages import Keys
from fuzz.pool import KEPT, Pool
from operations.hooks import connection_arn, definition, git_source, trigger
from operations.partner import Partner, declaration
from operations.principals import allowing, denying, document
from operations.raw import PREFIX, Wire
from operations.scene import Scene, approval, build, type_id

# Those whose requests policies judge: who may do all, in several ways of saying so, and who may do less.
POLICIES = (
    document(allowing("*")),
    document(allowing("codepipeline:*", "penstock:*"), denying("codepipeline:DeletePipeline")),
    document(allowing("codepipeline:*", resource="arn:aws:codepipeline:*:*:line*")),
    document(allowing("codepipeline:*", Condition={"StringLike": {"aws:RequestTag/a": "*"}})),
)
NOBODY = "00000000-0000-4000-8000-000000000000"
TAGS = [{"key": "a", "value": "1"}]

Json = dict[str, Any]


class World:
    """`pool` comes to know what is there; `examples` are good requests by operation, and `signers` may send them. `secret`
    proves deliveries to its connection."""

    def __init__(self, scene: Scene, pool: Pool) -> None:
        self.scene, self.pool = scene, pool
        self._wire = Wire(scene.server, scene.region)
        self._partner = Partner(scene)
        self.examples = declaring(scene) | working(self._partner) | reading() | of_our_own(scene)
        for name in ("CreateCustomActionType", "CreatePipeline", "PutWebhook"):
            for request in self.examples[name]:
                self._call(PREFIX + name, **request)
        self._call("Penstock.RegisterPartnerActionType", **self.examples["RegisterPartnerActionType"][0])
        self.signers = [self._root(), *(self._user(number) for number in range(len(POLICIES)))]
        self._plant()

    def _call(self, target: str, /, **members: Any) -> Any:
        answer = self._wire.ask(body=json.dumps(members).encode(), X_Amz_Target=target)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def _root(self) -> Keys:
        keys = self.scene.server.root_keys
        return Keys(keys["aws_access_key_id"], keys["aws_secret_access_key"], self.scene.region)

    def _user(self, number: int) -> Keys:
        made = self._call("Penstock.CreatePrincipal", name=f"{KEPT}{number}", policy=POLICIES[number])
        return Keys(made["accessKeyId"], made["secretAccessKey"], self.scene.region)

    def _plant(self) -> None:
        arn = f"arn:aws:codepipeline:{self.scene.region}:123456789012:"
        for name in ("line", "gated", "asked", "many"):
            self.pool.plant(pipelineName=name, stageName="Build", actionName="Make", resourceArn=f"{arn}{name}")
        self.pool.plant(pipelineName="asked", stageName="Gate", actionName="Ask")
        self.pool.plant(pipelineName="line", stageName="Source", actionName="Pull")
        token, client_id = self._partner.token, self._partner.client_id
        self.pool.plant(clientToken=token, clientId=client_id, actionTypeId=self._partner.type_id)
        for provider in ("Origin", "Builder"):
            kind = type_id(provider)
            self.pool.plant(
                actionTypeId=kind, resourceArn=f"{arn}actiontype:Custom/{kind['category']}/{provider}/1", **kind
            )
        self.pool.plant(provider=self._partner.provider, version="1", owner="ThirdParty", category="Test")
        for webhook in self._call(f"{PREFIX}ListWebhooks")["webhooks"]:
            self.pool.plant(hookPath=urlsplit(webhook["url"]).path, **{"Webhook name": webhook["definition"]["name"]})
            self.pool.plant(
                webhookName=webhook["definition"]["name"], resourceArn=webhook["arn"], tags=TAGS, tagKeys=["a"]
            )
        connected = self._call(
            "Penstock.ConnectRepository", connectionArn=connection_arn(self.scene), provider="GitHub"
        )
        self.secret = connected["secret"]
        self.pool.plant(hookPath=urlsplit(connected["url"]).path, connectionArn=connection_arn(self.scene))
        self.pool.plant(**{"Principal name": "ci"})


def declaring(scene: Scene) -> dict[str, list[Json]]:
    """Requests that make what may have been taken away."""
    hooks = [definition(), definition("open", authentication="UNAUTHENTICATED", authenticationConfiguration={})]
    pipelines = [{"pipeline": each} for each in (line(), gated(), asked(), many(scene), vendors(scene))]
    return {
        "CreateCustomActionType": [custom_type("Origin", category="Source"), custom_type("Builder", query="Project")],
        "CreatePipeline": pipelines,
        "UpdatePipeline": pipelines,
        "PutWebhook": [{"webhook": hook} for hook in hooks],
    }


def make(name: str = "Make", **more: Any) -> Json:
    return build(name, {"Project": "a"}, **more)


def line() -> Json:
    return pipeline("line", stage("Source", custom_source()), stage("Build", make(inputs=("App",))))


def gated() -> Json:
    """Its stage has conditions."""
    check = {"Variable": "#{variables.Colour}", "Value": "red", "Operator": "EQ"}
    window = rule("DeploymentWindow", {"Cron": "0 * * * * ?"})
    gates = {
        "beforeEntry": {"conditions": [{"result": "FAIL", "rules": [rule("VariableCheck", check)]}]},
        "onSuccess": {"conditions": [{"result": "ROLLBACK", "rules": [window]}]},
        "onFailure": {"result": "RETRY", "retryConfiguration": {"retryMode": "FAILED_ACTIONS"}},
    }
    return pipeline(
        "gated",
        stage("Source", custom_source()),
        {**stage("Build", make(namespace="Made")), **gates},
        pipelineType="V2",
        executionMode="QUEUED",
        variables=[{"name": "Colour", "defaultValue": "red"}],
    )


def asked() -> Json:
    """Somebody must approve."""
    ask = approval(configuration={"CustomData": "#{SourceVariables.CommitId}"})
    source = stage("Source", custom_source(namespace="SourceVariables"))
    return pipeline("asked", source, stage("Gate", ask), stage("Build", make()))


def rule(provider: str, configuration: dict[str, str]) -> Json:
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": provider, "ruleTypeId": kind, "configuration": configuration}


def many(scene: Scene) -> Json:
    """Of several executions at once, started by pushes too."""
    filters: Any = {
        "push": [{"branches": {"includes": ["main", "release/**"]}, "filePaths": {"excludes": ["docs/**"]}}]
    }
    return pipeline(
        "many",
        stage("Source", git_source(scene), custom_source()),
        stage("Build", make(region=scene.region), make("Again", runOrder=2)),
        pipelineType="V2",
        executionMode="PARALLEL",
        triggers=[trigger(**filters)],
    )


def vendors(scene: Scene) -> Json:
    """A partner works in it."""
    provider = "P" + scene.region.replace("-", "_")
    check = action("Check", "Test", "ThirdParty", provider, {"Mode": "a", "Password": "secret"})
    return pipeline("vendors", stage("Source", custom_source()), stage("Check", check))


def working(partner: Partner) -> dict[str, list[Json]]:
    """What workers and approvers ask for; who and what is meant comes from the pool."""
    nobody = {"jobId": NOBODY, "nonce": "1"}
    client = {"jobId": NOBODY, "clientToken": partner.token}
    details = {"summary": "done", "externalExecutionId": "7", "percentComplete": 100}
    revision = {"revision": "r1", "changeIdentifier": "c1", "created": 1_800_000_000, "revisionSummary": "s"}
    success = {"jobId": NOBODY, "executionDetails": details}
    variables = {"CommitId": "f" * 40}
    failed = {"type": "JobFailed", "message": "broken", "externalExecutionId": "7"}
    result = {"summary": "fine", "status": "Approved"}
    return {
        "PollForJobs": [{"actionTypeId": type_id(name), "maxBatchSize": 3} for name in ("Origin", "Builder")],
        "AcknowledgeJob": [nobody],
        "PollForThirdPartyJobs": [{"actionTypeId": partner.type_id, "maxBatchSize": 3}],
        "AcknowledgeThirdPartyJob": [{**client, "nonce": "1"}],
        "GetThirdPartyJobDetails": [client],
        "PutJobSuccessResult": [
            {**success, "outputVariables": variables},
            {**success, "currentRevision": revision},
            {**success, "continuationToken": "again"},
        ],
        "PutJobFailureResult": [{"jobId": NOBODY, "failureDetails": failed}],
        "PutThirdPartyJobSuccessResult": [{**client, "executionDetails": details}],
        "PutThirdPartyJobFailureResult": [{**client, "failureDetails": failed}],
        "PutApprovalResult": [
            {"pipelineName": "asked", "stageName": "Gate", "actionName": "Ask", "result": result, "token": NOBODY}
        ],
        "PutActionRevision": [
            {
                "pipelineName": "line",
                "stageName": "Source",
                "actionName": "Pull",
                "actionRevision": {"revisionId": "r", "revisionChangeId": "c", "created": 1_800_000_000},
            }
        ],
    }


def reading() -> dict[str, list[Json]]:
    """What is asked for to see and to steer."""
    names = [{"name": name} for name in ("line", "gated", "asked", "many", "vendors")]
    blue = {"name": "gated", "variables": [{"name": "Colour", "value": "blue"}]}
    execution = {"pipelineName": "line", "stageName": "Build", "pipelineExecutionId": NOBODY}
    return {
        "StartPipelineExecution": [*names, blue],
        "GetPipelineState": names,
        "OverrideStageCondition": [{**execution, "pipelineName": "gated", "conditionType": "BEFORE_ENTRY"}],
        "RollbackStage": [{"pipelineName": "line", "stageName": "Build", "targetPipelineExecutionId": NOBODY}],
        "StopPipelineExecution": [{"pipelineName": "line", "pipelineExecutionId": NOBODY, "abandon": True}],
        "ListPipelineExecutions": [
            {"pipelineName": "line", "maxResults": 2},
            {"pipelineName": "line", "filter": {"succeededInStage": {"stageName": "Source"}}},
        ],
        "ListActionExecutions": [{"pipelineName": "line", "maxResults": 2}],
        "ListPipelines": [{"maxResults": 1}],
        "RetryStageExecution": [
            {**execution, "retryMode": "ALL_ACTIONS"},
            {**execution, "retryMode": "FAILED_ACTIONS"},
        ],
        "DisableStageTransition": [
            {"pipelineName": "line", "stageName": "Build", "transitionType": "Inbound", "reason": "later"}
        ],
        "EnableStageTransition": [{"pipelineName": "line", "stageName": "Build", "transitionType": "Inbound"}],
    }


def of_our_own(scene: Scene) -> dict[str, list[Json]]:
    """What penstock offers beside the service's operations."""
    provider = {"provider": "P" + scene.region.replace("-", "_"), "version": "1"}
    trust = ["123456789012"]
    return {
        "RegisterPartnerActionType": [{"actionType": declaration("Vendor")}],
        "UpdateActionType": [{"actionType": declaration("Vendor")}],
        "LinkPartner": [provider],
        "RotatePartnerToken": [{**provider, "overlapSeconds": 3600}],
        "CreatePrincipal": [
            {"name": "ci", "policy": POLICIES[0]},
            {"name": "deployer", "policy": POLICIES[1], "role": True, "trust": trust},
        ],
        "UpdatePrincipal": [{"name": "ci", "policy": POLICIES[3]}],
        "ListWebhookDeliveries": [{"webhookName": "hook"}],
        "PutJobLog": [{"jobId": NOBODY, "text": "a line\n"}],
    }
