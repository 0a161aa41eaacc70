"""CreatePipeline, GetPipeline, UpdatePipeline, DeletePipeline, ListPipelines."""

from collections.abc import Iterator
from functools import partial

from penstock.core import limits
from penstock.core.commands import ReplaceDeclaration, StartExecution
from penstock.core.declaration import Surroundings, bind_actions, check, mask, merge_secrets, normalise, seal_secrets
from penstock.core.model import Head, PipelineVersion, StageSlot
from penstock.core.triggers import sources_of
from penstock.engine.committer import Follow, Written
from penstock.engine.duties.deletions import TOPIC as DELETIONS
from penstock.engine.duties.source_looks import TOPIC as SOURCE_LOOKS
from penstock.operations.action_types import find_action_types
from penstock.operations.call import Call, find_pipeline
from penstock.operations.paging import next_token, start_key
from penstock.operations.tags import as_mapping, check_tags
from penstock.ports.storage import ListedPipeline, PipelineRow, Transaction, Watch
from penstock.wire import types as wire
from penstock.wire.arn import pipeline_arn
from penstock.wire.errors import (
    LimitExceededException,
    PipelineNameInUseException,
    PipelineNotFoundException,
    PipelineVersionNotFoundException,
)

__all__ = ["create_pipeline", "delete_pipeline", "get_pipeline", "list_pipelines", "update_pipeline"]

PAGE_MAX = 1000


async def create_pipeline(request: wire.CreatePipelineInput, call: Call) -> wire.CreatePipelineOutput:
    """API: CreatePipeline. The first execution starts in the same commit."""
    arn = pipeline_arn(call.region, call.account, request.pipeline.name)
    tags = as_mapping(request.tags)
    check_tags(arn, tags)
    version = await _checked(request.pipeline, None, call)
    row = _new_row(call, request.pipeline.name)
    await call.committer.write(partial(_add, row=row, version=version, arn=arn, tags=tags))
    return wire.CreatePipelineOutput(pipeline=_shown(version), tags=request.tags)


def _new_row(call: Call, name: str) -> PipelineRow:
    now = call.now
    return PipelineRow(call.environment.ids.new(), call.account, call.region, name, 1, now, now)


async def _checked(
    declaration: wire.PipelineDeclaration, previous: PipelineVersion | None, call: Call
) -> PipelineVersion:
    """The next version: checked, filled in, bound to its action types, its secrets sealed."""
    find = await find_action_types(call, declaration)
    before = previous.declaration if previous is not None else None
    check(declaration, find, Surroundings(call.account, call.region, before))
    number = previous.number + 1 if previous is not None else 1
    bindings = bind_actions(declaration, find, call.account, call.region)
    sealed = seal_secrets(normalise(declaration, number), bindings, call.seal)
    return PipelineVersion(number, merge_secrets(sealed, before, find), bindings)


def _add(
    transaction: Transaction, row: PipelineRow, version: PipelineVersion, arn: str, tags: dict[str, str]
) -> Written[None]:
    if transaction.pipeline(row.account, row.region, row.name) is not None:
        raise PipelineNameInUseException(
            f"A pipeline with the name '{row.name}' already exists in account '{row.account}'"
        )
    if transaction.pipeline_count(row.account, row.region) >= limits.PIPELINES_MAX:
        raise LimitExceededException(f"The account has {limits.PIPELINES_MAX} pipelines, which is the limit")
    declaration = version.declaration
    head = Head(
        id=row.id,
        account=row.account,
        region=row.region,
        name=row.name,
        version=1,
        mode=declaration.execution_mode or "SUPERSEDED",
        slots={stage.name: StageSlot() for stage in declaration.stages},
    )
    transaction.add_pipeline(row, head)
    transaction.add_version(row, version, row.created_at)
    _make_buckets(transaction, row, declaration, row.created_at)
    transaction.set_watches(row.account, row.id, list(_watches(row, declaration)))
    transaction.webhooks.set_sources(row.account, row.id, list(sources_of(declaration)))
    transaction.set_tags(row.account, arn, tags)
    start = StartExecution(wire.ExecutionTrigger(trigger_type="CreatePipeline"))
    return Written(None, follow=(Follow(row.account, row.id, start),), topics=(SOURCE_LOOKS,))


def _make_buckets(
    transaction: Transaction, row: PipelineRow, declaration: wire.PipelineDeclaration, now: float
) -> None:
    """The artifact stores are made if missing; no other bucket is."""
    for store in _stores(declaration):
        transaction.ensure_bucket(row.account, row.region, store.location, now)


def _stores(declaration: wire.PipelineDeclaration) -> Iterator[wire.ArtifactStore]:
    if declaration.artifact_store is not None:
        yield declaration.artifact_store
    yield from (declaration.artifact_stores or {}).values()


def _watches(row: PipelineRow, declaration: wire.PipelineDeclaration) -> Iterator[Watch]:
    """The objects whose change starts the pipeline. A value with variables names none: sources take no variables."""
    for action in declaration.stages[0].actions:
        configuration = action.configuration or {}
        identity = action.action_type_id
        if (identity.owner, identity.provider) != ("AWS", "S3"):
            continue
        if configuration.get("PollForSourceChanges", "true").lower() != "false":
            bucket, key = configuration["S3Bucket"], configuration["S3ObjectKey"]
            yield Watch(row.account, bucket, key, row.id, action.name)


def _shown(version: PipelineVersion) -> wire.PipelineDeclaration:
    return mask(version.declaration, version.bindings)


async def get_pipeline(request: wire.GetPipelineInput, call: Call) -> wire.GetPipelineOutput:
    """API: GetPipeline. Secrets are masked."""
    row = await find_pipeline(call, request.name)
    number = request.version or row.version
    version = await call.reader.version(call.account, row.id, number)
    if version is None:
        raise PipelineVersionNotFoundException(f"The pipeline '{row.name}' does not have a version {number}")
    metadata = wire.PipelineMetadata(
        pipeline_arn=pipeline_arn(call.region, call.account, row.name),
        created=row.created_at,
        updated=await call.reader.version_created_at(call.account, row.id, number),
    )
    return wire.GetPipelineOutput(pipeline=_shown(version), metadata=metadata)


async def update_pipeline(request: wire.UpdatePipelineInput, call: Call) -> wire.UpdatePipelineOutput:
    """API: UpdatePipeline. An unknown name is PipelineNotFoundException, which the operation does not declare."""
    while True:
        row = await find_pipeline(call, request.pipeline.name)
        previous = await call.reader.version(call.account, row.id, row.version)
        version = await _checked(request.pipeline, previous, call)
        try:
            await call.committer.write(partial(_replace, row=row, version=version, now=call.now))
        except PipelineNotFoundException:
            continue
        return wire.UpdatePipelineOutput(pipeline=_shown(version))


def _replace(transaction: Transaction, row: PipelineRow, version: PipelineVersion, now: float) -> Written[None]:
    current = transaction.pipeline(row.account, row.region, row.name)
    if current is None or current.id != row.id or current.version != row.version:
        raise PipelineNotFoundException("Another update came first")
    transaction.add_version(row, version, now)
    _make_buckets(transaction, row, version.declaration, now)
    transaction.set_watches(row.account, row.id, list(_watches(row, version.declaration)))
    transaction.webhooks.set_sources(row.account, row.id, list(sources_of(version.declaration)))
    follow = (Follow(row.account, row.id, ReplaceDeclaration(version)),)
    return Written(None, follow=follow, topics=(SOURCE_LOOKS,))


async def delete_pipeline(request: wire.DeletePipelineInput, call: Call) -> None:
    """API: DeletePipeline. A name that no pipeline has is no error.

    The name is free at once. What the pipeline leaves can no longer be seen, and goes by and by.
    """
    await call.committer.write(partial(_delete, name=request.name, call=call))


def _delete(transaction: Transaction, name: str, call: Call) -> Written[None]:
    row = transaction.pipeline(call.account, call.region, name)
    if row is None:
        return Written(None)
    transaction.delete_pipeline(row, call.now)
    transaction.set_tags(call.account, pipeline_arn(call.region, call.account, name), {})
    return Written(None, topics=(f"pipeline:{row.id}", DELETIONS))


async def list_pipelines(request: wire.ListPipelinesInput, call: Call) -> wire.ListPipelinesOutput:
    """API: ListPipelines. In the order of their names."""
    key = start_key(call, "ListPipelines", request.next_token)
    rows_max = request.max_results or PAGE_MAX
    found = await call.reader.pipelines(call.account, call.region, str(key[0]) if key else "", rows_max + 1)
    token = next_token(call, "ListPipelines", [found[rows_max - 1].row.name]) if len(found) > rows_max else None
    return wire.ListPipelinesOutput(pipelines=tuple([_summary(each) for each in found[:rows_max]]), next_token=token)


def _summary(listed: ListedPipeline) -> wire.PipelineSummary:
    row = listed.row
    return wire.PipelineSummary(
        name=row.name,
        version=row.version,
        pipeline_type=listed.pipeline_type,
        execution_mode=listed.execution_mode,
        created=row.created_at,
        updated=row.updated_at,
    )
