"""How an `aws` or a `kubectl` command is spelt. Pure."""

from collections.abc import Iterable

Command = list[str]
"""An argument list. None holds a placeholder: where a value is not known, there is no command."""

Remedy = tuple[str, list[Command]]
"""What to do in words, and as commands."""


def aws(*words: str, **options: str | bool) -> Command:
    """An `aws` command: ``role_name="a"`` is ``--role-name a``; True is an option without a value,
    and an empty one is left out."""
    return ["aws", *words, *_spelt(options)]


def kubectl(*words: str, **options: str | bool) -> Command:
    """A `kubectl` command, spelt by the same rule."""
    return ["kubectl", *words, *_spelt(options)]


def _spelt(options: dict[str, str | bool]) -> list[str]:
    spelt: list[str] = []
    for name, value in options.items():
        if value:
            spelt.append(f"--{name.replace('_', '-')}")
            spelt += [] if value is True else [value]
    return spelt


def unique(commands: Iterable[Command]) -> list[Command]:
    """The commands without repeats; restarts come last, and only where nothing else rolls out."""
    listed = list({tuple(command): command for command in commands}.values())
    return [e for e in listed if not _restarts(e)] + [e for e in listed if _restarts(e)]


def _restarts(command: Command) -> bool:
    return command[1:3] in (["rollout", "restart"], ["delete", "pod"])
