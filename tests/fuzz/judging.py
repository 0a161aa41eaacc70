"""Whether an answer is one that the OpenAPI document lets this request have."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs

from fuzz.heads import Asked
from fuzz.shapes import API_JSON, Answers, Document, error_names

# What a request that no client would send is told beside that; the documents of its operation know nothing of it.
OF_ODD_HEADS = frozenset({"UnknownOperationException"})
NOT_IMPLEMENTED = 501


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float = 0.0

    @property
    def is_json(self) -> bool:
        return self.headers.get("content-type") == API_JSON


class Judge:
    """Knows the document of the server that is asked."""

    def __init__(self, document: Document) -> None:
        self._components = document["components"]
        self._all_errors = frozenset(error_names(document))
        self._validator = cache(self._new_validator)

    def complaints(self, asked: Asked, answer: Answer | None) -> list[str]:
        """What is wrong with an answer; None if there was none."""
        if answer is None:
            return [] if asked.ends else ["the connection ended without an answer"]
        return list(self._wrong(asked, answer))

    def _wrong(self, asked: Asked, answer: Answer) -> Iterator[str]:
        if not answer.status:
            yield f"there was no answer for {answer.seconds:.1f} seconds"
        elif answer.status >= 500 and not (asked.is_odd and _is_not_implemented(answer)):
            yield f"a fault of the server: {answer.status} {answer.body[:300]!r}"
        elif asked.is_forged and answer.status < 400:
            yield f"it was answered with {answer.status}, though it is not what was signed"
        elif asked.is_odd or asked.is_forged or asked.ends:
            yield from self._wrong_for_odd(answer)
        elif answer.status not in asked.answers.statuses:
            yield f"the document has no answer with status {answer.status}: {answer.body[:300]!r}"
        elif answer.status == 200:
            yield from self._wrong_success(asked.answers, answer)
        else:
            yield from _wrong_error(answer, asked.answers.errors)

    def _wrong_for_odd(self, answer: Answer) -> Iterator[str]:
        """What has an odd head may be for another door; what comes from this one is as ever."""
        if answer.is_json and answer.status >= 400 and answer.body:
            yield from _wrong_error(answer, self._all_errors | OF_ODD_HEADS)

    def _wrong_success(self, answers: Answers, answer: Answer) -> Iterator[str]:
        if answers.success is None:
            if answer.body:
                yield f"there is a body where there should be none: {answer.body[:300]!r}"
            return
        if not answer.is_json:
            yield f"the content type is {answer.headers.get('content-type')}"
        try:
            told = json.loads(answer.body)
        except ValueError:
            yield f"the body is no JSON: {answer.body[:300]!r}"
            return
        validator = self._validator(answers.success["$ref"])
        if not validator.is_valid(told):
            yield from (f"the answer is not as the document says: {problem}" for problem in validator.iter_errors(told))

    def _new_validator(self, reference: str) -> Any:
        return jsonschema_rs.validator_for({"$ref": reference, "components": self._components})


def _wrong_error(answer: Answer, errors: frozenset[str]) -> Iterator[str]:
    if not answer.is_json:
        yield f"the content type of an error is {answer.headers.get('content-type')}"
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if not isinstance(told, dict) or told.get("__type") not in errors:
        yield f"an error that is not declared: {answer.status} {answer.body[:300]!r}"
    elif not isinstance(told.get("message", ""), str):
        yield f"the message is no text: {answer.body[:300]!r}"
    if "x-amzn-requestid" not in answer.headers:
        yield "there is no request id"


def _is_not_implemented(answer: Answer) -> bool:
    """S3's own word for a sub-resource that is not there."""
    return answer.status == NOT_IMPLEMENTED and b"<Code>NotImplemented</Code>" in answer.body
