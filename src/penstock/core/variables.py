"""References to variables, `#{namespace.key}`, in the text of a declaration, and what they stand for in a run."""

import re
from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from penstock.core.limits import RESOLVED_CONFIGURATION_BYTES_MAX

__all__ = [
    "OPENING",
    "ConfigurationTooLarge",
    "MalformedReference",
    "Reference",
    "ResolutionFailure",
    "UnresolvedVariable",
    "references",
    "resolve",
    "resolve_configuration",
]

Values = Mapping[str, Mapping[str, str]]

OPENING = "#{"
_REFERENCE = re.compile(r"#\{([^}]*)(\}?)")
_NAMESPACE_AND_KEY = re.compile(r"([A-Za-z0-9@\-_]+)\.([^\s{}]+)")


class Reference(Struct, frozen=True):
    """A place in a text that a variable's value will take; `text` is what stands between the braces."""

    namespace: str
    key: str
    text: str


class MalformedReference(Exception):
    """A `#{` that no namespace, period, key and closing brace follow."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(reference)


class ResolutionFailure(Exception):
    """A text cannot be resolved in this run. The message is for whoever reads the action's error."""


class UnresolvedVariable(ResolutionFailure):
    """Nothing has set the variable that `reference` names, or it is no reference at all."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"The variable '#{{{reference}}}' has no value in this pipeline execution.")


class ConfigurationTooLarge(ResolutionFailure):
    """The values of an action's configuration are longer, once resolved, than an action may be given."""


def references(text: str) -> list[Reference]:
    """Every reference of a text, in order; raises `MalformedReference` for the first that is none."""
    return list(_references(text))


def resolve(text: str, lookup: Values) -> str:
    """The text with every reference replaced by its value; raises `UnresolvedVariable` for the first without one.

    A value is taken as it is: what looks like a reference in it stays.
    """
    if OPENING not in text:
        return text
    return _REFERENCE.sub(lambda found: _value(found, lookup), text)


def resolve_configuration(
    configuration: Mapping[str, str], secret_keys: Collection[str], lookup: Values
) -> dict[str, str]:
    """A configuration with its references replaced; the values of secret keys are left as they are.

    Raises `UnresolvedVariable`, or `ConfigurationTooLarge` beyond 100 KB of keys and values, the secret ones apart.
    """
    if not configuration:
        return {}
    resolved = {key: resolve(value, lookup) for key, value in configuration.items() if key not in secret_keys}
    size = sum(len(key.encode()) + len(value.encode()) for key, value in resolved.items())
    if size > RESOLVED_CONFIGURATION_BYTES_MAX:
        raise ConfigurationTooLarge(
            f"The resolved configuration of the action is {size} bytes long. "
            f"There can only be up to {RESOLVED_CONFIGURATION_BYTES_MAX} bytes."
        )
    return {**configuration, **resolved}


def _references(text: str) -> Iterator[Reference]:
    if OPENING not in text:
        return
    for found in _REFERENCE.finditer(text):
        reference = _read(found)
        if reference is None:
            raise MalformedReference(found[1])
        yield reference


def _value(found: re.Match[str], lookup: Values) -> str:
    reference = _read(found)
    value = lookup.get(reference.namespace, {}).get(reference.key) if reference else None
    if value is None:
        raise UnresolvedVariable(found[1])
    return value


def _read(found: re.Match[str]) -> Reference | None:
    inside, closing = found.groups()
    parts = _NAMESPACE_AND_KEY.fullmatch(inside) if closing else None
    return Reference(parts[1], parts[2], inside) if parts else None
