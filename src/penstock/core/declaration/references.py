"""Rules of references to variables: that what they name exists, and exists in time."""

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct

from penstock.core.declaration.namespaces import PIPELINE, VARIABLES
from penstock.core.declaration.places import (
    FindActionType,
    PlacedAction,
    PlacedRule,
    Turn,
    placed_actions,
    placed_rules,
)
from penstock.core.variables import MalformedReference, Reference, references
from penstock.wire import types as wire
from penstock.wire.errors import (
    ApiError,
    InvalidActionDeclarationException,
    InvalidStageDeclarationException,
    InvalidStructureException,
)

__all__ = ["check_pipeline_variables", "check_references"]

_FORMAT = "Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.)."


class _Text(Struct, frozen=True):
    """A text of an action or a rule in which references count; `place` says where it stands."""

    place: str
    text: str
    turn: Turn
    error: type[ApiError]
    is_of_source: bool = False

    def described(self, reference: str) -> str:
        return f"{self.place}, VariableReferenceText=[{reference}]"


class _Use(Struct, frozen=True):
    text: _Text
    reference: Reference

    def described(self) -> str:
        return self.text.described(self.reference.text)


def check_pipeline_variables(declaration: wire.PipelineDeclaration, find: FindActionType) -> None:
    """Raise `InvalidStructureException` for what is wrong with the pipeline's own variables or their use."""
    if not declaration.variables:
        return
    names: set[str] = set()
    for variable in declaration.variables:
        if variable.name in names:
            raise InvalidStructureException(
                f"Variable names must be unique. The following variable name is already in use: {variable.name}"
            )
        names.add(variable.name)
    uses = [use for use in _well_formed(_texts(declaration, find)) if use.reference.namespace == VARIABLES]
    if in_sources := [use.described() for use in uses if use.text.is_of_source]:
        raise InvalidStructureException(
            "Variables at the pipeline level cannot be used in source actions.\n" + "\n".join(in_sources)
        )
    if any(use.reference.key not in names for use in uses):
        raise InvalidStructureException("The referenced variables haven't been declared.")


def check_references(declaration: wire.PipelineDeclaration, find: FindActionType) -> None:
    """Raise `InvalidActionDeclarationException`, or for a rule of a condition `InvalidStageDeclarationException`,
    for a reference that is malformed, names an unknown namespace, or one that is filled too late.
    """
    texts = list(_texts(declaration, find))
    for text in texts:
        _check_form(text)
    filled: dict[str, Turn] = {
        placed.action.namespace: placed.turn
        for placed in placed_actions(declaration)
        if placed.action.namespace is not None
    }
    always = {PIPELINE, VARIABLES} if declaration.variables else {PIPELINE}
    uses = [use for use in _well_formed(texts) if use.reference.namespace not in always]
    _refuse(
        "The following pipeline execution variables are referencing a namespace that does not exist.",
        (use for use in uses if use.reference.namespace not in filled),
    )
    _refuse(
        "The following pipeline execution variables are referencing a namespace of an action that does not run before.",
        (use for use in uses if filled[use.reference.namespace] >= use.text.turn),
    )


def _check_form(text: _Text) -> None:
    try:
        references(text.text)
    except MalformedReference as malformed:
        raise text.error(
            f"{_FORMAT} The following pipeline execution variables do not have that format.\n"
            f"{text.described(malformed.reference)}"
        ) from None


def _refuse(problem: str, uses: Iterable[_Use]) -> None:
    refused = list(uses)
    if refused:
        raise refused[0].text.error(f"{_FORMAT} {problem}\n" + "\n".join(use.described() for use in refused))


def _well_formed(texts: Iterable[_Text]) -> Iterator[_Use]:
    for text in texts:
        try:
            yield from (_Use(text, reference) for reference in references(text.text))
        except MalformedReference:
            continue


def _texts(declaration: wire.PipelineDeclaration, find: FindActionType) -> Iterator[_Text]:
    for placed in placed_actions(declaration):
        yield from _texts_of_action(placed, find)
    for rule in placed_rules(declaration):
        yield from _texts_of_rule(rule)


def _texts_of_action(placed: PlacedAction, find: FindActionType) -> Iterator[_Text]:
    action = placed.action
    rules = find(action.action_type_id)
    # Nothing is resolved inside a secret: what looks like a reference there is a part of it.
    secret_keys = rules.secret_keys if rules else ()
    configuration = action.configuration or {}
    for key, text in chain(
        ((key, value) for key, value in configuration.items() if key not in secret_keys),
        (("commands", command) for command in action.commands or ()),
        (("environmentVariables", variable.value) for variable in action.environment_variables or ()),
    ):
        yield _Text(
            place=f"StageName=[{placed.stage}], ActionName=[{action.name}], ActionConfigurationKey=[{key}]",
            text=text,
            turn=placed.turn,
            error=InvalidActionDeclarationException,
            is_of_source=action.action_type_id.category == "Source",
        )


def _texts_of_rule(placed: PlacedRule) -> Iterator[_Text]:
    rule = placed.rule
    configuration = rule.configuration or {}
    for key, text in chain(configuration.items(), (("commands", command) for command in rule.commands or ())):
        yield _Text(
            place=f"StageName=[{placed.stage}], RuleName=[{rule.name}], RuleConfigurationKey=[{key}]",
            text=text,
            turn=placed.turn,
            error=InvalidStageDeclarationException,
        )
