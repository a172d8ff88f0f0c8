"""A remedy as data: commands, each with the resource that it changes. Pure."""

import shlex
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from irsa.observe.stack_chains import Resource


class ShellCommand(NamedTuple):
    """An `aws`, `kubectl` or `pulumi` command.

    None holds a placeholder: where a value is not known, there is no command.
    """

    words: tuple[str, ...]
    changes: Resource | None = None
    """The resource that it changes; None for a command that only restarts something."""

    @property
    def shell(self) -> str:
        """The command as a shell takes it."""
        return shlex.join(self.words)

    def with_words(self, *more: str) -> "ShellCommand":
        """Return the command with more words at its end."""
        return self._replace(words=(*self.words, *more))


class Remedy(NamedTuple):
    """The fix of a link."""

    text: str = ""
    commands: tuple[ShellCommand, ...] = ()
    """In the order in which they have to run."""

    @property
    def shell(self) -> tuple[str, ...]:
        """The commands as a shell takes them."""
        return tuple(command.shell for command in self.commands)


NO_REMEDY = Remedy()


def aws(*words: str, changes: Resource | None, **options: str | bool) -> ShellCommand:
    """Build an `aws` command: ``role_name="a"`` is ``--role-name a``; True is an option without a
    value, and an empty one is left out."""
    return ShellCommand(("aws", *words, *_spelt(options)), changes)


def kubectl(*words: str, changes: Resource | None, **options: str | bool) -> ShellCommand:
    """Build a `kubectl` command by the same rule."""
    return ShellCommand(("kubectl", *words, *_spelt(options)), changes)


def _spelt(options: dict[str, str | bool]) -> Sequence[str]:
    spelt: list[str] = []
    for name, value in options.items():
        if value:
            spelt.append(f"--{name.replace('_', '-')}")
            spelt += [] if value is True else [value]
    return spelt


def unique(commands: Iterable[ShellCommand]) -> list[ShellCommand]:
    """Return the commands without repeats; those that only restart something come last."""
    return sorted(dict.fromkeys(commands), key=lambda command: command.changes is None)
