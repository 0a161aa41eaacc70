"""Servers that many tests share; a test that stops, kills or fills one starts its own."""

from collections.abc import Iterator

import pytest

from postgres import Cluster, cluster
from serving import Server, serving

__all__ = ["cluster"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=("sqlite", "postgres"), default="sqlite", help="what the shared server keeps its rows in"
    )


@pytest.fixture(scope="session")
def shared_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server a test process. Tests use pipeline and type names of their own."""
    options = ["--ack-timeout", "1", "--continuation-delay", "0.2"]
    if request.config.getoption("--database") == "postgres":
        options += ["--database-url", request.getfixturevalue("shared_url")]
    with serving(tmp_path_factory.mktemp("shared") / "data", *options) as server:
        yield server


@pytest.fixture(scope="session")
def shared_url(cluster: Cluster) -> Iterator[str]:
    """The address of the database of the shared server."""
    with cluster.empty() as url:
        yield url
