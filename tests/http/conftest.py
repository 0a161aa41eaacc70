"""A region of its own for each test; afterwards nothing of what was sent may have changed anything, or have hurt the server."""

from collections.abc import Iterator

import pytest

from operations.faithful import Witness
from operations.raw import Wire
from operations.scene import Scene
from serving import Server


@pytest.fixture
def scene(shared_server: Server) -> Iterator[Scene]:
    witness = Witness()
    yield Scene(shared_server, witness)
    assert not witness.complaints


@pytest.fixture
def wire(scene: Scene) -> Wire:
    return Wire(scene.server, scene.region)
