"""Which operations are built is told as it is."""

from docs.pages import page, quoted, rows, section
from penstock.operations.registry import HANDLERS, NOT_BUILT, OWN_TARGET_PREFIX
from penstock.wire.catalog import OPERATIONS

BUILT = set(OPERATIONS) - NOT_BUILT


def test_the_table_in_the_readme_is_that_of_the_registry() -> None:
    table = list(rows(section(page("README.md"), "## The 44 operations")))
    built = [name for row in table for name in quoted(row[1])]
    missing = [name for row in table for name in quoted(row[2])]
    assert sorted(built) == sorted(BUILT)
    assert sorted(missing) == sorted(NOT_BUILT)


def test_the_readme_counts_right() -> None:
    assert len(OPERATIONS) == 44
    said = "all of them" if not NOT_BUILT else f"{len(BUILT)} of them"
    assert said in section(page("README.md"), "## The 44 operations")


def test_every_operation_has_a_row_that_says_whether_it_is_built() -> None:
    table = {quoted(row[0])[0]: row[1] for row in rows(section(page("docs/reference/operations.md"), "## The 44"))}
    assert sorted(table) == sorted(OPERATIONS)
    assert {name for name, said in table.items() if said == "Not built."} == NOT_BUILT


def test_every_operation_of_our_own_has_a_row_with_its_members() -> None:
    own = section(page("docs/reference/operations.md"), "## Penstock's own")
    table = {quoted(row[0])[0]: row for row in rows(own)}
    routes = {target: route for target, route in HANDLERS.items() if target.startswith(f"{OWN_TARGET_PREFIX}.")}
    assert sorted(table) == sorted(route.operation.name for route in routes.values())
    for route in routes.values():
        operation = route.operation
        assert operation.output is not None
        row = table[operation.name]
        assert set(operation.input.__struct_encode_fields__) <= set(quoted(row[1]))
        assert set(operation.output.__struct_encode_fields__) <= set(quoted(row[2]))
