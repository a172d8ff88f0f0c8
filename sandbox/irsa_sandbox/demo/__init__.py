"""`make demo`: the systems in the sandbox, from nothing to nothing, as a table of checks."""

import shlex
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from irsa.commands.terminal import on_interrupt

from .. import COMMAND, lifecycle
from ..aws.accounts import ACCOUNT_B
from ..engine.stack import ROOT, SandboxStack, summary
from ..environment_variables import exported
from ..folder import refuse_others
from ..session import Done, left_overs
from ..state import SandboxError, SandboxState
from ..toolchain.plugins import ANY, Choice
from .checks import SystemCheck, parts
from .record import Record, ShownClaim
from .systems import SandboxSystems

PROJECT_B = ROOT / "account_b"
FORMS, FORMS_B = ROOT / "examples" / "forms", ROOT / "examples" / "forms_account_b"
EXTERNAL_ID = "tenant-42"


def run(
    folder: Path | None,
    on_progress: Callable[[str], None],
    *,
    output: str,
    providers: Choice = ANY,
) -> int:
    """Run the demo in a sandbox of its own, which is stopped afterwards.

    It lies in ``folder`` or in a temporary one. An error in it ends the story, as a failed row of
    the table. Raises `SandboxError` when a sandbox runs there, or none can be started.
    """
    if not PROJECT_B.exists():
        raise SandboxError("the demo brings up the repository's own stacks; run it in a checkout")
    if folder is not None:
        refuse_others(folder)  # before minutes of building
    programs = lifecycle.tools(on_progress, providers)
    record = Record(as_json=output == "json")
    with nullcontext(folder) if folder else lifecycle.temporary_folder("irsa-demo-") as path:
        state = lifecycle.start(path, programs, on_progress)
        if state is None:
            raise SandboxError(
                f"a sandbox runs in {path}, and the demo takes down what is in it; leave out "
                f"--folder, or stop it: {COMMAND} down --folder {shlex.quote(str(path))}"
            )
        try:
            # The programs, which run side by side, find the same variables in this process.
            variables = {**state.search_path(), **state.aws_environment()}
            with (
                exported(**variables),
                closing(SandboxSystems(state)) as systems,
                record.failure_as_row(),
            ):
                _story(systems, record)
        finally:
            with on_interrupt(signal.SIG_IGN):
                lifecycle.down(path)
    return record.finish()


@dataclass
class DemoStack:
    """A stack of the story, whose operations go on one after the other, beside everything else."""

    record: Record
    sandbox: SandboxState
    project: Path
    key: str
    title: str
    config: Callable[[], Mapping[str, Any]] = dict
    _last: list[Future[Any]] = field(default_factory=list)

    def start(self, operation: str, *after: Future[Any]) -> Future[dict[str, int]]:
        """Start an operation after this stack's last one and what it needs."""
        config, show = self.config, self.record.lines_of(f"{self.title}: pulumi {operation}")

        def run() -> dict[str, int]:
            opened = SandboxStack(self.sandbox, self.project, config=config())
            return getattr(opened, operation)(on_output=show)

        self._last = [self.record.start(run, *self._last, *after)]
        return self._last[0]

    def show(
        self, operation: str, claim: str, expected: set[str], *after: Future[Any]
    ) -> Future[Any]:
        """Start an operation, and announce the row that it does what is expected, and no more."""
        started, folder = self.start(operation, *after), self.project.relative_to(ROOT)
        where = f" --cwd {folder}" if folder.parts else ""

        def row(done: Mapping[str, int]) -> ShownClaim:
            command = f"pulumi {operation} --stack dev{where}"
            passed = set() < done.keys() <= expected
            return ShownClaim(f"{operation}-{self.key}", claim, command, summary(done), passed)

        self.record.announce(started, row, f"{self.title}: pulumi {operation}")
        return started

    def show_up(self, *after: Future[Any]) -> tuple[Future[Any], Future[Any]]:
        """Show that the stack comes up, and stays as it is."""
        claim = f"the stack of {self.title} comes up"
        up = self.show("up", claim, {"create", "same", "update"}, *after)
        claim = f"a second preview of {self.title} finds no changes"
        return up, self.show("preview", claim, {"same"})

    def show_end(self, *after: Future[Any]) -> Future[Any]:
        """Show that the stack is deleted."""
        claim = f"the stack of {self.title} is deleted"
        return self.show("destroy", claim, {"delete", "discard"}, *after)


def _story(systems: SandboxSystems, record: Record) -> None:
    """Announce the story in its order; what does not need each other goes on side by side."""
    stack = partial(DemoStack, record, systems.state)
    a, b = stack(ROOT, "a", "account A"), stack(PROJECT_B, "b", "account B")
    forms = stack(FORMS, "forms", "the forms in account A")
    forms_b = stack(FORMS_B, "forms-b", "the forms in account B")
    forms_b.config = lambda: {"forms-account-b:issuerUrl": systems.names["issuer"]}

    record.section("The two stacks")
    up_a, _ = a.show_up()
    named = record.start(systems.read_names, up_a)
    up_b, _ = b.show_up(up_a)
    asked = _ask(record, systems, "systems", record.start(systems.prepare, named, up_b))
    record.section("More forms, account B first")
    up_forms_b, _ = forms_b.show_up(named)
    up_forms, preview_forms = forms.show_up(up_forms_b)
    of_forms = _ask(record, systems, "forms", record.start(systems.prepare_forms, up_forms))
    emptied = record.start(systems.empty_forms, *of_forms)
    forms_gone, _ = forms.show_end(emptied), forms_b.show_end(emptied)
    a.config = lambda: {"irsa:externalId": EXTERNAL_ID}
    changed_a = a.start("up", *asked, preview_forms)  # which would see another output of its stack
    asked += _ask(record, systems, "external id", b.start("up", changed_a))

    record.section("Nothing is left")
    emptied = record.start(systems.empty, *asked)
    gone = b.show_end(emptied), a.show_end(emptied, forms_gone)
    left = record.start(lambda: [*left_overs(systems), *left_overs(systems, ACCOUNT_B)], *gone)
    title = "IAM, S3, EKS and the namespace are as empty as before"
    command = (
        "aws iam list-users, list-roles, list-policies, list-open-id-connect-providers; "
        "aws s3 ls; aws eks list-clusters; kubectl get namespace dev"
    )
    record.announce(
        left, lambda n: ShownClaim("nothing-left", title, command, "\n".join(n) or "nothing", not n)
    )


def _ask(
    record: Record, systems: SandboxSystems, stacks: str, after: Future[Any]
) -> list[Future[Done]]:
    """Start and announce every check of these stacks."""
    asked: list[Future[Done]] = []
    for title, _, checks in (part for part in parts("demo") if part[1] == stacks):
        record.section(title)
        for check in checks:

            def row(done: Done, check: SystemCheck = check) -> ShownClaim:
                passed, output = check.holds(done, systems), done.output.strip()
                return ShownClaim(check.key, check.title, check.command(systems), output, passed)

            asked.append(record.start(partial(check.ask, systems), after, is_command=True))
            record.announce(asked[-1], row, is_refusal=check.code is not None)
    return asked
