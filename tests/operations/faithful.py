"""What every answer must be like, whatever was asked: checked against the service's own model, as botocore has it."""

import json
from typing import Any

from botocore.model import OperationModel, Shape

# Errors of the front end, which no operation declares.
FRONT_END = frozenset({"AccessDeniedException", "SerializationException", "UnknownOperationException"})
# A known inconsistency of the service, which callers rely on.
UNDECLARED = frozenset({("UpdatePipeline", "PipelineNotFoundException")})
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (int, float),
}


class Witness:
    """Listens to a client and keeps what was wrong with the answers that it got."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def listen(self, client: Any) -> None:
        client.meta.events.register("after-call.codepipeline", self._heard)

    def _heard(self, http_response: Any, parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
        status, body = http_response.status_code, http_response.content
        if not http_response.headers.get("x-amzn-requestid"):
            self._complain(model, "no request id")
        if status == 200:
            self._check_output(model, body)
        else:
            self._check_error(model, status, parsed["Error"])

    def _check_output(self, model: OperationModel, body: bytes) -> None:
        if model.output_shape is None:
            if body:
                self._complain(model, f"a body where there is no output: {body!r}")
            return
        for problem in unfaithful(model.output_shape, json.loads(body), ""):
            self._complain(model, problem)

    def _check_error(self, model: OperationModel, status: int, error: dict[str, str]) -> None:
        code = error.get("Code", "")
        declared = {shape.name for shape in model.error_shapes} | FRONT_END
        if code not in declared and (model.name, code) not in UNDECLARED:
            self._complain(model, f"undeclared error {code}: {error.get('Message')}")
        if status != 400:
            self._complain(model, f"{code} with status {status}")
        if not error.get("Message") and code not in FRONT_END:
            self._complain(model, f"{code} without a message")

    def _complain(self, model: OperationModel, problem: str) -> None:
        self.complaints.append(f"{model.name}: {problem}")


def unfaithful(shape: Shape, value: Any, path: str) -> list[str]:
    """What of a value is not as the shape says: members that it has not, types, enum values, what is required."""
    if shape.type_name == "structure":
        return _of_structure(shape, value, path)
    if shape.type_name == "list":
        return [
            each for number, item in enumerate(value) for each in unfaithful(shape.member, item, f"{path}[{number}]")
        ]
    if shape.type_name == "map":
        return [each for key, item in value.items() for each in unfaithful(shape.value, item, f"{path}.{key}")]
    if not isinstance(value, KINDS[shape.type_name]):
        return [f"{path} is {value!r}, not a {shape.type_name}"]
    if getattr(shape, "enum", None) and value not in shape.enum:
        return [f"{path} is {value!r}, not one of {shape.enum}"]
    return []


def _of_structure(shape: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is {value!r}, not a structure"]
    problems = [f"{path}.{name} is missing" for name in shape.required_members if value.get(name) is None]
    for name, item in value.items():
        if name not in shape.members:
            problems.append(f"{path} has {name}, which {shape.name} has not")
        elif item is not None:
            problems += unfaithful(shape.members[name], item, f"{path}.{name}")
    return problems
