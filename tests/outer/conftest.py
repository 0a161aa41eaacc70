"""One outer store and one server with its artifacts there, for all tests of a process."""

from collections.abc import Iterator

import pytest

from operations.faithful import Witness
from operations.scene import Scene
from outer.stores import ENVIRONMENT, OuterStore, outer_store
from serving import Server


@pytest.fixture(scope="session")
def store() -> Iterator[OuterStore]:
    with outer_store() as made:
        yield made


@pytest.fixture(scope="session")
def outer_server(store: OuterStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ("--ack-timeout", "1", "--continuation-delay", "0.2", "--artifacts-url", store.artifacts_url)
    server = Server(tmp_path_factory.mktemp("outer") / "data", *options, prefix=ENVIRONMENT)
    yield server
    assert server.stop() == 0


@pytest.fixture
def scene(outer_server: Server) -> Iterator[Scene]:
    """A region of its own on the server whose artifacts are elsewhere."""
    witness = Witness()
    yield Scene(outer_server, witness)
    assert not witness.complaints
