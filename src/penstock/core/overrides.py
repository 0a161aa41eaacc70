"""Source revision overrides: what a start may ask its sources for. API: SourceRevisionOverride."""

from penstock.core.refusals import InvalidRequest
from penstock.wire import types as wire

__all__ = ["check_overrides", "known_revisions"]

# What a source of a provider can be told; all others, custom ones too, take a commit.
_KINDS: dict[str, tuple[str, ...]] = {"S3": ("S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY"), "ECR": ("IMAGE_DIGEST",)}


def check_overrides(declaration: wire.PipelineDeclaration, overrides: tuple[wire.SourceRevisionOverride, ...]) -> None:
    """Raise InvalidRequest for an override that no source of the pipeline can follow."""
    if overrides and declaration.pipeline_type == "V1":
        raise InvalidRequest("Source revision overrides can only be used with V2 pipelines")
    sources = {action.name: action for action in declaration.stages[0].actions}
    for override in overrides:
        source = sources.get(override.action_name)
        if source is None:
            raise InvalidRequest(
                f"The source revision override names '{override.action_name}', "
                f"which is not a source action of pipeline '{declaration.name}'"
            )
        _check_kind(source, override)


def _check_kind(source: wire.ActionDeclaration, override: wire.SourceRevisionOverride) -> None:
    identity = source.action_type_id
    kinds = _KINDS.get(identity.provider, ("COMMIT_ID",)) if identity.owner == "AWS" else ("COMMIT_ID",)
    if override.revision_type not in kinds:
        raise InvalidRequest(
            f"The source action '{source.name}' takes a revision of type {' or '.join(kinds)}, "
            f"not {override.revision_type}"
        )
    allowed = (source.configuration or {}).get("AllowOverrideForS3ObjectKey", "false").lower() == "true"
    if override.revision_type == "S3_OBJECT_KEY" and not allowed:
        raise InvalidRequest(
            f"The source action '{source.name}' does not allow another object key: "
            "AllowOverrideForS3ObjectKey is not true"
        )


def known_revisions(
    declaration: wire.PipelineDeclaration, overrides: tuple[wire.SourceRevisionOverride, ...]
) -> tuple[tuple[wire.SourceRevision, ...], tuple[wire.ArtifactRevision, ...]]:
    """The revisions that an execution starts with: a key names none, everything else does."""
    told = {each.action_name: each.revision_value for each in overrides if each.revision_type != "S3_OBJECT_KEY"}
    sources = tuple(wire.SourceRevision(action_name=name, revision_id=value) for name, value in told.items())
    artifacts = tuple(
        wire.ArtifactRevision(name=output.name, revision_id=told[action.name])
        for action in declaration.stages[0].actions
        if action.name in told
        for output in action.output_artifacts or ()
    )
    return sources, artifacts
