"""Servers that many tests share; a test that stops, kills or fills one starts its own."""

from collections.abc import Iterator

import pytest

from serving import Server, serving


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server a test process. Tests use pipeline and type names of their own."""
    with serving(
        tmp_path_factory.mktemp("shared") / "data", "--ack-timeout", "1", "--continuation-delay", "0.2"
    ) as server:
        yield server
