"""Shows a running pipeline in a terminal: redrawn in place on a screen, a line for each change anywhere else."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TextIO

SYMBOLS = {"": "○", "InProgress": "●", "Succeeded": "✓"}
FAILED = "✗"
COLOURS = {"○": "2", "●": "34", "✓": "32", "✗": "31"}
LOG_LINES_SHOWN = 8


@dataclass(frozen=True)
class Action:
    """One action as it stands; without a status it has not run yet."""

    stage: str
    name: str
    kind: str
    status: str = ""
    note: str = ""
    seconds: float | None = None

    @property
    def symbol(self) -> str:
        return SYMBOLS.get(self.status, FAILED)


@dataclass(frozen=True)
class Picture:
    """A moment of a pipeline: its actions in order, each stage's status, and the log so far."""

    actions: tuple[Action, ...]
    stages: dict[str, str] = field(default_factory=dict)
    log: tuple[str, ...] = ()


class LiveView:
    """Use it in a `with`: whatever happens, the cursor comes back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_screen = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._is_screen and not os.environ.get("NO_COLOR")
        self._began = time.monotonic()
        self._drawn: list[str] = []
        self._shown: dict[tuple[str, str], tuple[str, str]] = {}
        self._log_shown = 0

    def __enter__(self) -> Self:
        self._write("\x1b[?25l" if self._is_screen else "")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._write("\x1b[?25h" if self._is_screen else "")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line of its own, above the picture and kept."""
        if self._is_screen:
            self._write(self._top() + self._line(f"  {text}") + "".join(map(self._line, self._drawn)))
        else:
            self._append(text)

    def show(self, picture: Picture) -> None:
        """Show the picture: all of it on a screen, elsewhere what has changed since the last one."""
        if self._is_screen:
            self._redraw(picture)
            return
        for action in picture.actions:
            now = (action.status, action.note)
            if action.status and self._shown.get((action.stage, action.name)) != now:
                self._shown[action.stage, action.name] = now
                self._append(
                    f"{action.symbol} {action.stage}/{action.name} ({action.kind}) {action.status} {action.note}"
                )
        for line in picture.log[self._log_shown :]:
            self._append(f"│ {line}")
        self._log_shown = len(picture.log)

    def _append(self, text: str) -> None:
        self._write(f"{self.seconds:5.1f} s  {text.rstrip()}\n")

    def _lines(self, picture: Picture, rows: int) -> Iterator[str]:
        stage_width = max(len(action.stage) for action in picture.actions)
        name_width = max(len(action.name) for action in picture.actions)
        kind_width = max(len(action.kind) for action in picture.actions)
        yield ""
        last_stage = ""
        for action in picture.actions:
            stage_symbol = SYMBOLS.get(picture.stages.get(action.stage, ""), FAILED)
            stage = f"{stage_symbol} {action.stage:{stage_width}}" if action.stage != last_stage else ""
            last_stage = action.stage
            seconds = f"{action.seconds:5.1f} s" if action.seconds is not None else ""
            yield (
                f"  {stage:{stage_width + 2}}   {action.symbol} {action.name:{name_width}}   "
                f"{action.kind:{kind_width}}  {seconds:7}  {action.note}"
            )
        yield ""
        # On a small screen the log gives way first.
        log_rows = min(LOG_LINES_SHOWN, rows - len(picture.actions) - 5)
        if picture.log and log_rows > 0:
            yield from (f"  │ {line}" for line in picture.log[-log_rows:])
            yield ""
        yield f"  {self.seconds:.1f} s"

    def _redraw(self, picture: Picture) -> None:
        columns, rows = shutil.get_terminal_size()
        top = self._top()
        self._drawn = [line[: columns - 1] for line in list(self._lines(picture, rows))[: rows - 1]]
        # One write, each line over its former self and the rest cleared: nothing flickers.
        self._write(top + "".join(map(self._line, self._drawn)) + "\x1b[J")

    def _top(self) -> str:
        return f"\x1b[{len(self._drawn)}F" if self._drawn else ""

    def _line(self, text: str) -> str:
        return f"{self._coloured(text)}\x1b[K\n"

    def _coloured(self, line: str) -> str:
        if not self._colours:
            return line
        for symbol, colour in COLOURS.items():
            line = line.replace(symbol, f"\x1b[{colour}m{symbol}\x1b[0m")
        return line

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
