"""How much of the disk a log takes up is known at every piece, without adding up."""

from penstock.ports.storage import Transaction
from storage.conftest import Reopening
from storage.samples import ACCOUNT


def size_after(store: Reopening, *texts: str, run_id: str = "run") -> int:
    def write(transaction: Transaction) -> None:
        for text in texts:
            transaction.append_log(ACCOUNT, run_id, text, 1.0)
        sizes.append(transaction.log_size(ACCOUNT, run_id))

    sizes: list[int] = []
    store.commit(write)
    return sizes[0]


def test_a_log_takes_up_the_bytes_of_its_text_and_a_little_more_for_each_piece(store: Reopening) -> None:
    assert size_after(store) == 0
    first = size_after(store, "é" * 500)
    assert 1000 < first < 1200
    store.reopen()
    assert size_after(store) == first
    assert size_after(store, *["x"] * 100) >= first + 100 * 32
    assert size_after(store, run_id="other") == 0
