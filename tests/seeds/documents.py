"""The founding documents, fact by fact, and the names by which the tests cite them.

They are five pages about the operations of partners' job workers. Three are pages of the service's API reference (API version
2015-07-09), cited by the operation and the part of the page: "API reference, PutJobSuccessResult, jobId: Pattern". Two are
Swagger files, cited by their titles: "Swagger, Put Third Party Job Success Result, PollForThirdPartyJobs: maxBatchSize".
"""

import re
from typing import Any, NamedTuple

import botocore.session

MODEL = botocore.session.get_session().get_service_model("codepipeline")

ACKNOWLEDGE = "AcknowledgeThirdPartyJob"
DETAILS = "GetThirdPartyJobDetails"
SUCCESS = "PutJobSuccessResult"
POLL = "PollForThirdPartyJobs"
PARTNER_FAILURE = "PutThirdPartyJobFailureResult"
PARTNER_SUCCESS = "PutThirdPartyJobSuccessResult"
CUSTOM_ACKNOWLEDGE = "AcknowledgeJob"


def page(operation: str, part: str) -> str:
    return f"API reference, {operation}, {part}"


class Member(NamedTuple):
    """A row of Request Parameters; of a member within an object, what Request Syntax says of it."""

    operation: str
    name: str
    kind: str
    is_required: bool = False
    lengths: tuple[int, int] | None = None
    pattern: str | None = None

    def cite(self, part: str) -> str:
        return page(self.operation, f"{self.name}: {part}")


REQUEST = (
    Member(ACKNOWLEDGE, "clientToken", "String", is_required=True, lengths=(1, 256)),
    Member(ACKNOWLEDGE, "jobId", "String", is_required=True, lengths=(1, 512)),
    Member(ACKNOWLEDGE, "nonce", "String", is_required=True, lengths=(1, 50)),
    Member(DETAILS, "clientToken", "String", is_required=True, lengths=(1, 256)),
    Member(DETAILS, "jobId", "String", is_required=True, lengths=(1, 512)),
    Member(SUCCESS, "continuationToken", "String", lengths=(1, 2048)),
    Member(SUCCESS, "currentRevision", "object"),
    Member(SUCCESS, "currentRevision.changeIdentifier", "String"),
    Member(SUCCESS, "currentRevision.created", "number"),
    Member(SUCCESS, "currentRevision.revision", "String"),
    Member(SUCCESS, "currentRevision.revisionSummary", "String"),
    Member(SUCCESS, "executionDetails", "object"),
    Member(SUCCESS, "executionDetails.externalExecutionId", "String"),
    Member(SUCCESS, "executionDetails.percentComplete", "number"),
    Member(SUCCESS, "executionDetails.summary", "String"),
    Member(
        SUCCESS,
        "jobId",
        "String",
        is_required=True,
        pattern="[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ),
)

# The tables of Errors: each with its HTTP status code.
ERRORS: dict[str, dict[str, int]] = {
    ACKNOWLEDGE: {
        "InvalidClientTokenException": 400,
        "InvalidNonceException": 400,
        "JobNotFoundException": 400,
        "ValidationException": 400,
    },
    SUCCESS: {
        "InvalidJobStateException": 400,
        "JobNotFoundException": 400,
        "ValidationException": 400,
    },
    DETAILS: {
        "InvalidClientTokenException": 400,
        "InvalidJobException": 400,
        "JobNotFoundException": 400,
        "ValidationException": 400,
    },
}

# Of the Common Errors that each page refers to: those that the tests here provoke.
COMMON_ERRORS = {"AccessDeniedException": 400, "SerializationException": 400}

# AcknowledgeThirdPartyJob, Response Elements, status: Valid Values.
STATUSES = ("Created", "Queued", "Dispatched", "InProgress", "TimedOut", "Succeeded", "Failed")

_ARTIFACT = {
    "location": {"s3Location": {"bucketName": "string", "objectKey": "string"}, "type": "string"},
    "name": "string",
    "revision": "string",
}

# Response Syntax; an operation that is not here answers with an empty body.
SYNTAX: dict[str, dict[str, Any]] = {
    ACKNOWLEDGE: {"status": "string"},
    DETAILS: {
        "jobDetails": {
            "data": {
                "actionConfiguration": {"configuration": {"*": "string"}},
                "actionTypeId": {"category": "string", "owner": "string", "provider": "string", "version": "string"},
                "artifactCredentials": {
                    "accessKeyId": "string",
                    "secretAccessKey": "string",
                    "sessionToken": "string",
                },
                "continuationToken": "string",
                "encryptionKey": {"id": "string", "type": "string"},
                "inputArtifacts": [_ARTIFACT],
                "outputArtifacts": [_ARTIFACT],
                "pipelineContext": {
                    "action": {"actionExecutionId": "string", "name": "string"},
                    "pipelineArn": "string",
                    "pipelineExecutionId": "string",
                    "pipelineName": "string",
                    "stage": {"name": "string"},
                },
            },
            "id": "string",
            "nonce": "string",
        }
    },
}

# Members that Response Syntax shows and that no answer has, each with the reason.
NEVER_ANSWERED = {
    "jobDetails.data.outputArtifacts[].revision": "The job has yet to make it.",
    "jobDetails.data.pipelineContext.pipelineArn": "API reference, PipelineContext: not populated for partners' jobs.",
    "jobDetails.data.pipelineContext.pipelineExecutionId": "The same.",
}


def paths(value: Any, path: str = "") -> set[str]:
    """Where the leaves of an answer, or of a syntax, are: `a.b[].c`."""
    if isinstance(value, dict):
        dot = f"{path}." if path else ""
        return {each for name, item in value.items() for each in paths(item, dot + name)}
    if isinstance(value, list):
        return {each for item in value for each in paths(item, f"{path}[]")}
    return {path}


def as_in_the_syntax(path: str) -> str:
    """The path with the names of a map's keys, which Response Syntax leaves open, as a star."""
    return re.sub(r"(?<=\.configuration\.).*", "*", path)


def documented_errors(operation: str) -> dict[str, int]:
    """The codes that an operation may answer with, each with its status; those of the API model where no page has a table."""
    if operation in ERRORS:
        return ERRORS[operation]
    return {shape.name: 400 for shape in MODEL.operation_model(operation).error_shapes}


_FIRST = "Acknowledge Third Party Job"
_SECOND = "Put Third Party Job Success Result"

# What each parameter is: a member of the operation's input, or DryRun, or one that belongs to another service.
_TOKEN_AND_JOB = {"clientToken": "member", "jobId": "member"}


class Path(NamedTuple):
    """A path of a Swagger file: GET /?Action=OPERATION with these parameters, and 200 as its one response."""

    title: str
    operation: str
    parameters: dict[str, str]

    def cite(self, parameter: str) -> str:
        return f"Swagger, {self.title}, {self.operation}: {parameter}"

    @property
    def foreign(self) -> list[str]:
        return [name for name, what in self.parameters.items() if what == "foreign"]


_ACKNOWLEDGE_PARAMETERS = {**_TOKEN_AND_JOB, "nonce": "member", "DryRun": "dry run", "VolumeId": "foreign"}

PATHS = (
    Path(
        _FIRST,
        CUSTOM_ACKNOWLEDGE,
        {"DryRun": "dry run", "jobId": "member", "nonce": "member", "SnapshotId": "foreign"},
    ),
    Path(_FIRST, ACKNOWLEDGE, _ACKNOWLEDGE_PARAMETERS),
    Path(_SECOND, ACKNOWLEDGE, _ACKNOWLEDGE_PARAMETERS),
    Path(_SECOND, DETAILS, {**_TOKEN_AND_JOB, "Domain": "foreign", "DryRun": "dry run"}),
    Path(
        _SECOND,
        POLL,
        {
            "actionTypeId": "member",
            "AssociationId": "foreign",
            "DryRun": "dry run",
            "maxBatchSize": "member",
            "PublicIp": "foreign",
        },
    ),
    Path(
        _SECOND,
        PARTNER_FAILURE,
        {
            **_TOKEN_AND_JOB,
            "AllowReassignment": "foreign",
            "failureDetails": "member",
            "NetworkInterfaceId": "foreign",
            "PrivateIpAddress.N": "foreign",
            "SecondaryPrivateIpAddressCount": "foreign",
        },
    ),
    Path(
        _SECOND,
        PARTNER_SUCCESS,
        {
            **_TOKEN_AND_JOB,
            "continuationToken": "member",
            "currentRevision": "member",
            "DeviceIndex": "foreign",
            "DryRun": "dry run",
            "executionDetails": "member",
            "InstanceId": "foreign",
            "NetworkInterfaceId": "foreign",
        },
    ),
)
