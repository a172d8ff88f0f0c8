"""The demo's checks: each a command, its real output, and whether it passed."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import SandboxError
from ..session import Done


@dataclass(frozen=True)
class Check:
    """One thing shown."""

    key: str
    """Stable name, by which the README quotes it."""

    title: str
    """The claim, as a sentence."""

    command: str
    """The command, as a person would type it."""

    output: str
    """The command's output."""

    passed: bool


@dataclass
class Record:
    """The checks so far, printed as they come: in full on a terminal, else without the outputs that
    nothing went wrong with."""

    as_json: bool = False
    checks: list[Check] = field(default_factory=list)
    _part: str = ""
    """The part of the story that runs."""
    _asked: list[tuple[Future[Done], Callable[[Done], None]]] = field(default_factory=list)
    """Commands that were started, and what shows each one's check."""

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(max(2, os.cpu_count() or 2))
        # With JSON on standard output, people watch the rest on standard error.
        stream = sys.stderr if self.as_json else sys.stdout
        self._console = Console(file=stream, highlight=False, soft_wrap=True)

    @contextmanager
    def section(self, title: str) -> Iterator[None]:
        """Head a part of the story; it ends when all that was asked in it has its answer."""
        self._part = title
        self._console.rule(f"[bold]{title}", align="left")
        yield
        self.settle()

    def ask(
        self,
        key: str,
        title: str,
        command: str,
        run: Callable[[], Done],
        passed: Callable[[Done], bool],
        *,
        is_refusal: bool = False,
    ) -> None:
        """Start a command beside others. Checks are shown in the order in which they were asked."""

        def show(done: Done) -> None:
            checked = Check(key, title, command, done.output.strip(), passed(done))
            self._show(checked, is_refusal=is_refusal)

        self._asked.append((self._pool.submit(run), show))

    def settle(self) -> None:
        """Show the check of every command that was started."""
        while self._asked:
            started, show = self._asked.pop(0)
            show(started.result())

    def progress(self, text: str) -> None:
        """Show a line of long work."""
        self._console.print(text.rstrip(), style="dim", markup=False)

    @contextmanager
    def stage(self, title: str) -> Iterator[Callable[[str], None]]:
        """Fold the lines of long work into one line of a terminal; warnings stay."""
        self._part = title
        with self._console.status(title) as status:

            def show(line: str) -> None:
                text = " ".join(line.split())
                if text.startswith("warning: "):
                    self.progress(text)
                elif text:
                    status.update(Text(f"{title}: {text}"[: self._console.width - 4]))

            yield show

    def check(self, key: str, title: str, command: str, output: str, *, passed: bool) -> None:
        """Show one check, after all that were asked before it."""
        self.settle()
        self._show(Check(key, title, command, output.strip(), bool(passed)))

    def _show(self, shown: Check, *, is_refusal: bool = False) -> None:
        self.checks.append(shown)
        self._console.print(f"$ {shown.command}", style="bold", markup=False)
        if self._console.is_terminal or is_refusal or not shown.passed:
            self._console.print(shown.output, markup=False)
        mark = "[green]passed" if shown.passed else "[red]FAILED"
        self._console.print(
            f"{mark}[/]: {shown.title}", end="\n\n" if self._console.is_terminal else "\n"
        )

    def denied(
        self, key: str, title: str, command: str, run: Callable[[], Done], error: str
    ) -> None:
        """Start a command that must fail with ``error``."""
        self.ask(key, title, command, run, partial(_is_denied, error), is_refusal=True)

    @contextmanager
    def failure_as_check(self) -> Iterator[None]:
        """End the story at an error, which is a failed check of the part that runs.

        After it no command runs: the sandbox that they run in can go.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - it is shown whole
            self._asked.clear()
            text = str(error) if isinstance(error, SandboxError) else traceback.format_exc()
            self.check("unfinished", f"{self._part}: no error", self._part, text, passed=False)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def finish(self) -> int:
        """Print the table, or everything as JSON; the exit code is 1 when a check failed."""
        failed = [check for check in self.checks if not check.passed]
        if self.as_json:
            print(json.dumps([asdict(check) for check in self.checks], indent=1))
        else:
            table = Table(title=f"{len(self.checks)} checks, {len(failed)} failed")
            table.add_column("check")
            table.add_column("result")
            for check in self.checks:
                table.add_row(check.title, "passed" if check.passed else "[red]FAILED")
            self._console.print(table)
        return 1 if failed or not self.checks else 0


def _is_denied(error: str, done: Done) -> bool:
    return done.code != 0 and error in done.output
