"""Row to core value and back. Documents are stored as the bytes that msgspec makes of them."""

from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from penstock.core.model import ActionRun, Execution, Head, Job, JobWork, PipelineVersion, RuleRun, StageRun
from penstock.ports.storage import (
    ActionRecord,
    ActionTypeRow,
    DueTimer,
    JobRow,
    ListedPipeline,
    LogLine,
    PipelineRow,
    RuleRecord,
    RunInput,
)
from penstock.wire import types as wire

__all__ = [
    "action_record",
    "action_type_row",
    "decode_execution",
    "decode_head",
    "decode_version",
    "decode_work",
    "due_timer",
    "encode",
    "encode_execution",
    "encode_listed",
    "job",
    "job_row",
    "listed_pipeline",
    "log_line",
    "pipeline_row",
    "rule_record",
    "standing",
]

Row = Any  # a row's columns have the types of its query

encode = msgspec.json.Encoder().encode
decode_head = msgspec.json.Decoder(Head).decode
decode_execution = msgspec.json.Decoder(Execution).decode
decode_version = msgspec.json.Decoder(PipelineVersion).decode
decode_work = msgspec.json.Decoder(JobWork).decode
_decode_run = msgspec.json.Decoder(ActionRun).decode
_decode_rule = msgspec.json.Decoder(RuleRun).decode
_decode_input = msgspec.json.Decoder(RunInput).decode


class _Kind(Struct, rename="camel"):
    pipeline_type: wire.PipelineType | None = None
    execution_mode: wire.ExecutionMode | None = None


class _VersionKind(Struct):
    """What a listing shows of a version: the rest of a long document is passed over."""

    declaration: _Kind


_decode_kind = msgspec.json.Decoder(_VersionKind).decode

# The passages that were encoded last, by their identity: each is kept with what it was made of.
_PASSAGES_MAX = 8192
_passages: dict[int, tuple[StageRun, Raw]] = {}


def encode_execution(execution: Execution) -> bytes:
    """The document of an execution. What it went through before its present stage stays as it is and is encoded once."""
    if len(execution.stages) < 2:
        return encode(execution)
    stages = {
        name: passage if passage.status == "InProgress" else _encoded(passage)
        for name, passage in execution.stages.items()
    }
    return encode(replace(execution, stages=stages))


def _encoded(passage: StageRun) -> Raw:
    known = _passages.get(id(passage))
    if known is not None:
        return known[1]
    if len(_passages) >= _PASSAGES_MAX:
        _passages.clear()
    made = Raw(encode(passage))
    # As long as the passage is kept here, nothing else has its identity.
    _passages[id(passage)] = (passage, made)
    return made


def job(row: Row) -> Job:
    return Job(*(*row[:13], row[13] is not None))


def job_row(row: Row) -> JobRow:
    work = decode_work(row[14]) if row[14] is not None else None
    return JobRow(job(row), work, *row[15:20])


def pipeline_row(row: Row) -> PipelineRow:
    return PipelineRow(*row)


def encode_listed(declaration: wire.PipelineDeclaration) -> bytes:
    """What a listing shows of a version, in the form of its document."""
    return encode(_VersionKind(_Kind(declaration.pipeline_type, declaration.execution_mode)))


def listed_pipeline(row: Row) -> ListedPipeline:
    declared = _decode_kind(row[7]).declaration
    return ListedPipeline(pipeline_row(row[:7]), declared.pipeline_type, declared.execution_mode)


def standing(row: Row) -> tuple[PipelineRow, Head, PipelineVersion]:
    return pipeline_row(row[:7]), decode_head(row[7]), decode_version(row[8])


def action_record(row: Row) -> ActionRecord:
    return ActionRecord(*(*row[:5], _decode_run(row[5]), _decode_input(row[6])))


def rule_record(row: Row) -> RuleRecord:
    return RuleRecord(*(*row[:6], _decode_rule(row[6]), _decode_input(row[7])))


def action_type_row(row: Row) -> ActionTypeRow:
    return ActionTypeRow(*row)


def due_timer(row: Row) -> DueTimer:
    return DueTimer(*row)


def log_line(row: Row) -> LogLine:
    return LogLine(*row)
