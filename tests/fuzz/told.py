"""What the server tells of faults in its log."""

import logging


class Told(logging.Handler):
    """Keeps faults from when it is made until `forget`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._faults: list[str] = []
        logging.getLogger("penstock").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._faults.append(logging.Formatter("%(message)s").format(record))

    def check(self) -> None:
        """AssertionError with the first fault since the last time, if there was one."""
        faults, self._faults = self._faults, []
        assert not faults, faults[0]

    def forget(self) -> None:
        logging.getLogger("penstock").removeHandler(self)
