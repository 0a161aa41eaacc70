"""Every test has a region of its own on the shared server, and no answer in it may be unlike the service's model."""

from collections.abc import Iterator

import pytest

from operations.faithful import Witness
from operations.scene import Scene
from serving import Server


@pytest.fixture
def witness() -> Iterator[Witness]:
    watching = Witness()
    yield watching
    assert not watching.complaints


@pytest.fixture
def scene(shared_server: Server, witness: Witness) -> Scene:
    return Scene(shared_server, witness)
