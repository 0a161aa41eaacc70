import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.limits import RESOLVED_CONFIGURATION_BYTES_MAX
from penstock.core.variables import (
    ConfigurationTooLarge,
    MalformedReference,
    Reference,
    UnresolvedVariable,
    references,
    resolve,
    resolve_configuration,
)

VALUES = {"N": {"X": "1", "Y-y@_": "2", "a.b": "3", "Again": "#{N.X}"}}


def test_references_are_found_in_order() -> None:
    assert references("a#{N.X}b#{M.Y-y@_} #{N.a.b}") == [
        Reference("N", "X", "N.X"),
        Reference("M", "Y-y@_", "M.Y-y@_"),
        Reference("N", "a.b", "N.a.b"),
    ]


@pytest.mark.parametrize("text", ["", "{N.X}", "${N.X}", "# {N.X}", "#N.X", "}#", "${#names[@]}"])
def test_other_braces_are_text(text: str) -> None:
    assert references(text) == []
    assert resolve(text, VALUES) == text


@pytest.mark.parametrize(
    ("text", "malformed"),
    [
        ("#{}", ""),
        ("#{N}", "N"),
        ("#{.X}", ".X"),
        ("#{N.}", "N."),
        ("#{N X.Y}", "N X.Y"),
        ("#{N.X Y}", "N.X Y"),
        ("#{N.X", "N.X"),
        ("#{N.X} #{", ""),
        ("#{N.#{N.X}}", "N.#{N.X"),
    ],
)
def test_a_reference_without_namespace_key_or_end_is_malformed(text: str, malformed: str) -> None:
    with pytest.raises(MalformedReference) as refused:
        references(text)
    assert refused.value.reference == malformed
    with pytest.raises(UnresolvedVariable):
        resolve(text, VALUES)


def test_references_are_replaced_by_their_values() -> None:
    assert resolve("a#{N.X}b#{N.Y-y@_}#{N.a.b}c", VALUES) == "a1b23c"


def test_what_a_value_looks_like_does_not_matter() -> None:
    assert resolve("#{N.Again}\\1", VALUES) == "#{N.X}\\1"


@pytest.mark.parametrize("reference", ["M.X", "N.x", "N.Z"])
def test_a_variable_without_a_value_is_named(reference: str) -> None:
    with pytest.raises(UnresolvedVariable) as missing:
        resolve(f"#{{N.X}}#{{{reference}}}", VALUES)
    assert missing.value.reference == reference
    assert f"#{{{reference}}}" in str(missing.value)


@given(st.text(alphabet="#{}.NX ", max_size=20))
def test_a_text_without_malformed_references_is_resolved_or_lacks_a_value(text: str) -> None:
    try:
        found = references(text)
    except MalformedReference:
        found = []
    if all(reference.text == "N.X" for reference in found) and text.count("#{") == len(found):
        assert resolve(text, VALUES) == text.replace("#{N.X}", "1")
    else:
        with pytest.raises(UnresolvedVariable):
            resolve(text, VALUES)


def test_secrets_of_a_configuration_are_left_alone() -> None:
    configuration = {"Key": "#{N.X}", "Secret": "#{N.X}", "Plain": "p"}
    resolved = resolve_configuration(configuration, ("Secret",), VALUES)
    assert resolved == {"Key": "1", "Secret": "#{N.X}", "Plain": "p"}
    assert list(resolved) == list(configuration)


def test_a_resolved_configuration_has_a_largest_size() -> None:
    room = RESOLVED_CONFIGURATION_BYTES_MAX - len("K")
    assert resolve_configuration({"K": "#{N.X}"}, (), {"N": {"X": "é" * (room // 2)}})
    with pytest.raises(ConfigurationTooLarge):
        resolve_configuration({"K": "#{N.X}"}, (), {"N": {"X": "é" * (room // 2 + 1)}})
