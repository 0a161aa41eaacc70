"""Where build commands run, if the operator leaves it open."""

from penstock.server.settings import Settings

__all__ = ["choose_executor"]


def choose_executor(settings: Settings) -> str:
    """`auto` takes bubblewrap where it works, else a plain process on a loopback server, else none."""
    if settings.executor != "auto":
        return settings.executor
    from penstock.providers.commands.sandbox import detect

    if detect() is not None:
        return "bubblewrap"
    return "process" if settings.is_loopback else "off"
