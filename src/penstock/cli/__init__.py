"""The command line."""

from penstock.cli.main import main

__all__ = ["main"]
