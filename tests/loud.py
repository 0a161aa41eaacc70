"""`penstock` as a command in front of which this file stands, with every logger at its loudest."""

import logging
import sys
from typing import Any

_usual = logging.basicConfig


def loud(**given: Any) -> None:
    _usual(**{**given, "level": logging.DEBUG})


if __name__ == "__main__":
    logging.basicConfig = loud
    # python loud.py PYTHON -m penstock serve …
    sys.argv = ["penstock", *sys.argv[sys.argv.index("penstock") + 1 :]]
    from penstock.cli import main

    main()
