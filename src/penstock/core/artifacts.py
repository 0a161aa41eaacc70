"""Where an action's outputs will lie: decided when the attempt begins, so that a worker uploads exactly there."""

import string

from penstock.core.model import Artifact
from penstock.core.moment import Moment
from penstock.wire import types as wire

__all__ = ["allocate", "store_of"]

_ALPHABET = string.ascii_letters + string.digits
# Observed: the service cuts both names and adds seven characters, since a job's session policy must stay short.
_PIPELINE_LENGTH, _ARTIFACT_LENGTH, _RANDOM_LENGTH = 20, 10, 7


def store_of(declaration: wire.PipelineDeclaration, action: wire.ActionDeclaration, region: str) -> wire.ArtifactStore:
    """The artifact store of the action's region."""
    if declaration.artifact_store is not None:
        return declaration.artifact_store
    return (declaration.artifact_stores or {})[action.region or region]


def allocate(
    pipeline_name: str,
    action: wire.ActionDeclaration,
    store: wire.ArtifactStore,
    moment: Moment,
    *,
    revision: str | None = None,
) -> tuple[Artifact, ...]:
    """A place for each output; `revision` is what a source is asked to put there."""
    return tuple(
        [
            Artifact(
                name=output.name,
                bucket=store.location,
                key=f"{pipeline_name[:_PIPELINE_LENGTH]}/{output.name[:_ARTIFACT_LENGTH]}/{_suffix(moment.new_id())}",
                revision=revision,
            )
            for output in action.output_artifacts or ()
        ]
    )


def _suffix(identifier: str) -> str:
    number = int(identifier.replace("-", ""), 16)
    letters = []
    for _ in range(_RANDOM_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)
