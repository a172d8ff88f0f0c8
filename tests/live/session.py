"""A live run from its first `pulumi up` to its report."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pulumi.automation import CommandError

from tests.live import removal, stacks
from tests.live.answers import Answer, Row, as_json, report
from tests.live.checks import CHECKS, Check
from tests.live.interrupts import Interrupts
from tests.live.run import Refused, Run, say, write_private
from tests.live.stacks import Stack
from tests.live.world import TrustContext


class NotUp(Exception):
    """A stack did not come up; Pulumi has said why."""


class Live:
    """The run that the tests share."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._interrupts = Interrupts(f"make test-aws CLEAN={run.id}")
        self._stacks: tuple[Stack, ...] = ()
        self._world: TrustContext | None = None
        self._removed: bool | None = None
        self._facts = {"run": run.id, "begun": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}

    def up(self, settings: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
        """Bring both stacks up, account A's first; raises `NotUp`."""
        self.run.begin()
        stacks.prepare(self.run, settings)
        self._stacks = stacks.open_both(self.run, self._interrupts.engine)
        self._facts["Pulumi"] = self._stacks[0].pulumi_version
        for stack in self._stacks:
            try:
                stack.up()
            except CommandError as error:
                raise NotUp(f"{stack.title}'s stack did not come up; see above") from error
        self._world = TrustContext(self.run, *self._stacks)
        self._facts["Kubernetes"] = self._world.cluster.version()
        self._world.upload()

    def previews(self) -> dict[str, dict[str, int]]:
        """What a second `up` of each stack would do."""
        return {stack.title: stack.preview() for stack in self._stacks}

    def judge(self, check: Check) -> Row:
        """Ask AWS; the row of the report."""
        if self._world is None:
            raise Refused("the stacks are not up")
        row = self._world.judge(check)
        say(f"{check.key}: {'passed' if row.passed else 'FAILED'}, {row.answer.code}")
        return row

    def remove(self) -> bool:
        """Remove everything, once; whether nothing is left."""
        if self._removed is None:
            self._interrupts.begin_to_remove()
            if self._world is not None:
                self._world.cluster.close()
            self._removed = removal.in_own_session(self.run)
        return self._removed

    def left_by_pulumi(self) -> list[str]:
        """What was still there after `pulumi destroy`, and was removed without it."""
        return removal.left_by_pulumi(self.run)

    def write_report(self) -> None:
        """Write what AWS has answered, beside what the sandbox answers."""
        rows = self._world.rows if self._world else []
        removed = "everything" if self._removed else "NOT everything; see what was printed"
        passed = f"{sum(row.passed for row in rows)} of {len(CHECKS)} passed, {len(rows)} asked"
        left = ", ".join(self.left_by_pulumi()) or "nothing"
        for letter, account in zip("AB", self.run.accounts, strict=True):
            left = left.replace(account.id, f"ACCOUNT_{letter}")
        facts = {**self._facts, "checks": passed, "removed": removed}
        facts["left by pulumi destroy, and removed without it"] = left
        answers: dict[str, Answer] = {row.key: row.answer for row in rows}
        write_private(self.run.folder / "answers.json", as_json(answers))
        file = self.run.folder / "report.md"
        write_private(file, report("Live run of both stacks", facts, rows))
        say(f"the report is {file}")
