"""The demo's rows: each a command, its real output, and whether it is as it must be."""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from irsa.commands.cli import json_text

from ..engine.processes import interrupting
from ..errors import SandboxError

T = TypeVar("T")
THREADS = 99  # most of them wait for others


class ShownClaim(NamedTuple):
    """One claim shown, with the command as a person types it. The documents quote it by its key."""

    key: str
    title: str
    command: str
    output: str
    passed: bool


@dataclass
class Record:
    """Work that runs side by side, and its rows, printed in the order in which they were announced:
    in full on a terminal, else without the outputs that nothing went wrong with."""

    as_json: bool = False
    rows: list[ShownClaim] = field(default_factory=list)
    _announced: list[Callable[[], object]] = field(default_factory=list)
    """Functions that wait for a part of the work and show it."""

    _part: str = ""
    """The part of the story that is waited for."""

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS)
        self._processors = threading.Semaphore(max(2, os.cpu_count() or 2))
        self._over = threading.Event()
        self._warned: set[str] = set()
        # With JSON on standard output, people watch the rest on standard error.
        stream = sys.stderr if self.as_json else sys.stdout
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._status = self._console.status("")

    def start(
        self, run: Callable[[], T], *after: "Future[Any]", is_command: bool = False
    ) -> "Future[T]":
        """Start work that goes on when what it comes after has been done.

        A command then waits for a processor as well.
        """

        def go_on() -> T:
            for future in after:
                future.result()
            with self._processors if is_command else nullcontext():
                if self._over.is_set():
                    raise CancelledError
                return run()

        return self._pool.submit(go_on)

    def section(self, title: str) -> None:
        """Announce the head of a part of the story."""

        def show() -> None:
            self._part = title
            self._console.rule(f"[bold]{title}", align="left")

        self._announced.append(show)

    def announce(
        self,
        started: "Future[T]",
        row: Callable[[T], ShownClaim],
        part: str = "",
        *,
        is_refusal: bool = False,
    ) -> None:
        """Announce the row that is made of what some work returns."""

        def show() -> None:
            self._part = part or self._part
            self._show(row(started.result()), is_refusal=is_refusal)

        self._announced.append(show)

    def lines_of(self, title: str) -> Callable[[str], None]:
        """Return what folds the lines of long work into one line of a terminal; warnings stay."""

        def show(line: str) -> None:
            text = " ".join(line.split())
            if text.startswith("warning: "):
                if text not in self._warned:
                    self._console.print(text, style="dim", markup=False)
                self._warned.add(text)
            elif text:
                self._status.update(Text(f"{title}: {text}"[: self._console.width - 4]))

        return show

    def _show(self, shown: ShownClaim, *, is_refusal: bool = False) -> None:
        self.rows.append(shown)
        self._console.print(f"$ {shown.command}", style="bold", markup=False)
        if self._console.is_terminal or is_refusal or not shown.passed:
            self._console.print(shown.output, markup=False)
        mark = "[green]passed" if shown.passed else "[red]FAILED"
        self._console.print(
            f"{mark}[/]: {shown.title}", end="\n\n" if self._console.is_terminal else "\n"
        )

    @contextmanager
    def failure_as_row(self) -> Iterator[None]:
        """Show what was announced; an error in it is a failed row of the part that was waited for.

        Afterwards no work goes on: the sandbox that it runs in can go.
        """
        try:
            yield
            with self._status:
                for show in self._announced:
                    show()
        except Exception as error:  # noqa: BLE001 - it is shown whole
            text = str(error) if isinstance(error, SandboxError) else traceback.format_exc()
            title = f"{self._part}: no error"
            self._show(ShownClaim("unfinished", title, self._part, text.strip(), passed=False))
        finally:
            self._over.set()
            with interrupting():
                self._pool.shutdown(cancel_futures=True)

    def finish(self) -> int:
        """Print the table, or everything as JSON; the exit code is 1 when a row failed."""
        failed = [row for row in self.rows if not row.passed]
        if self.as_json:
            print(json_text(checks=[row._asdict() for row in self.rows]))
        else:
            table = Table(title=f"{len(self.rows)} checks, {len(failed)} failed")
            table.add_column("check")
            table.add_column("result")
            for row in self.rows:
                table.add_row(row.title, "passed" if row.passed else "[red]FAILED")
            self._console.print(table, soft_wrap=False)  # long titles go on in the next line
        return 1 if failed or not self.rows else 0
