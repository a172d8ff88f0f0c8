"""The demo's checks: each a command, its real output, and whether it passed."""

import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import SandboxError
from ..session import Done


@dataclass(frozen=True, kw_only=True)
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

    def __post_init__(self) -> None:
        # With JSON on standard output, people watch the rest on standard error.
        stream = sys.stderr if self.as_json else sys.stdout
        self._console = Console(file=stream, highlight=False, soft_wrap=True)

    def section(self, title: str) -> None:
        """Start a part of the story."""
        self._part = title
        self._console.rule(f"[bold]{title}", align="left")

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

    def check(
        self,
        key: str,
        title: str,
        command: str,
        output: str,
        *,
        passed: bool,
        is_refusal: bool = False,
    ) -> None:
        """Show one check."""
        shown = Check(
            key=key, title=title, command=command, output=output.strip(), passed=bool(passed)
        )
        self.checks.append(shown)
        self._console.print(f"$ {command}", style="bold", markup=False)
        if self._console.is_terminal or is_refusal or not shown.passed:
            self._console.print(shown.output, markup=False)
        mark = "[green]passed" if shown.passed else "[red]FAILED"
        self._console.print(
            f"{mark}[/]: {title}", end="\n\n" if self._console.is_terminal else "\n"
        )

    def denied(self, key: str, title: str, command: str, done: Done, error: str) -> None:
        """Show a command that must fail with ``error``."""
        passed = done.code != 0 and error in done.output
        self.check(key, title, command, done.output, passed=passed, is_refusal=True)

    @contextmanager
    def failure_as_check(self) -> Iterator[None]:
        """End the story at an error, which is a failed check of the part that runs."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - it is shown whole
            text = str(error) if isinstance(error, SandboxError) else traceback.format_exc()
            self.check("unfinished", f"{self._part}: no error", self._part, text, passed=False)

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
