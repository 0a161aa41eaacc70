"""A server on which jobs stay handed out, and a board for each module."""

from collections.abc import Iterator

import pytest

from operations.faithful import Witness
from seeds.board import Board
from serving import Server, serving


@pytest.fixture(scope="session")
def patient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """No job comes back unacknowledged, and what follows a continuation comes at once."""
    with serving(
        tmp_path_factory.mktemp("patient") / "data", "--ack-timeout", "3600", "--continuation-delay", "0"
    ) as server:
        yield server


@pytest.fixture(scope="module")
def board(patient_server: Server) -> Iterator[Board]:
    witness = Witness()
    yield Board(patient_server, witness)
    assert not witness.complaints
