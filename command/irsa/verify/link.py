"""A link of the chain from a Pod to its data: expectation, finding and remedy.

Pure. `LINKS` is the order in which a request takes them.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from irsa import PROGRAM
from irsa.access import Judgement
from irsa.observe.facts import Answer, Unread
from irsa.observe.stack_chains import Resource, Stack
from irsa_core.decide.truth import Verdict
from irsa_core.identity.policy_json import Json

Called = Answer | Unread | str
"""AWS's answer to a call; of one that was not made, its missing input."""
_NO_SESSION = "there is no session"
_NO_SESSION_OF_A = "there is no session of role A"
_NO_SESSION_OF_B = "there is no session of role B"


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls with which a token becomes a session of the role, or its session one of role B, and
    those of that session."""

    assumed: Called = "STS was not asked"
    caller: Called = _NO_SESSION
    data: Called = _NO_SESSION
    """The bucket's list."""
    refused: Called = _NO_SESSION
    """The list of IAM users, which no workload should see; for role B the bucket's, by role A."""
    inside: Called = "it was not asked for"
    """Caller identity of the AWS CLI inside the Pod."""
    of_role_b: "Calls | None" = None
    """None where role B was not asked for."""


CALLS_OF_ROLE_B = Calls(
    assumed=_NO_SESSION_OF_A,
    caller=_NO_SESSION_OF_B,
    data=_NO_SESSION_OF_B,
    refused=_NO_SESSION_OF_A,
)


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
    return ShellCommand(("aws", *words, *spelt(options)), changes)


def irsa(*words: str, changes: Resource | None = None) -> ShellCommand:
    """Build a command of this program."""
    return ShellCommand((*PROGRAM.split(), *words), changes)


def spelt(options: Mapping[str, str | bool]) -> list[str]:
    """Options as a command line has them."""
    words: list[str] = []
    for name, value in options.items():
        if value:
            words.append(f"--{name.replace('_', '-')}")
            words += [] if value is True else [value]
    return words


def unique(commands: Iterable[ShellCommand]) -> list[ShellCommand]:
    """Return the commands without repeats; those that only restart something come last."""
    return sorted(dict.fromkeys(commands), key=lambda command: command.changes is None)


LINKS = {
    "service-account": "the service account exists",
    "annotation": "its annotation names the role",
    "association": "its EKS Pod Identity association names the role",
    "agent": "the EKS Pod Identity Agent answers on the Pods' nodes",
    "webhook": "the pod identity webhook is registered, and answers",
    "pod": "a Pod runs as the service account",
    "injection": "the pod identity webhook gave the Pod role, token and region",
    "precedence": "nothing in the Pod wins over the role, or keeps it from STS",
    "token": "the token is the service account's, for the right audience, and has not expired",
    "provider": "the token's issuer is registered in the role's account",
    "audience": "the token's audience is a client id of that provider",
    "role": "the role exists",
    "trust": "its trust policy allows the token, or EKS for the association",
    "assume": "STS grants a session of the role",
    "caller": "the session is the role's, and not the node's",
    "inside": "inside the Pod, the AWS CLI is the role (with --exec)",
    "permissions": "policies allow the role what is asked for",
    "data": "the role lists the bucket",
    "refused": "a call that must be refused is refused",
    "profile": "the Pod's AWS config file leads from role A to role B",
    "role-b": "role B exists",
    "role-a-permission": "role A's policies allow it to assume role B",
    "role-b-trust": "role B's trust policy allows role A",
    "role-b-assume": "STS grants role A a session of role B",
    "role-b-caller": "that session is role B's",
    "role-b-permissions": "policies allow role B what is asked for",
    "role-b-data": "role B lists the bucket",
    "role-a-refused": "role A alone is refused by the bucket",
}


AS_EXPECTED = "as expected"


class Status(Enum):
    """The outcome of a link's check."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_ASKED = "not asked"
    """A link that the question leaves out; it decides nothing."""

    @property
    def mark(self) -> str:
        """The status as one character, in reports and trees."""
        return {"passed": "✓", "failed": "✗", "not asked": "·"}.get(self.value, "?")


@dataclass(frozen=True, slots=True)
class Link:
    """A checked link; a failed one is a finding."""

    key: str
    status: Status
    expected: str
    found: str
    remedy: Remedy = NO_REMEDY
    by_place: bool = False
    """True if a key that says where a call comes from decides, and is not known."""

    @property
    def title(self) -> str:
        """Claim of the link."""
        return LINKS[self.key]

    def with_words(self, program: Sequence[str], *more: str) -> "Link":
        """Return the link whose commands of a program have more words."""
        commands = [
            each.with_words(*more) if each.words[: len(program)] == (*program,) else each
            for each in self.remedy.commands
        ]
        return replace(self, remedy=self.remedy._replace(commands=tuple(commands)))

    def as_json(self) -> Json:
        """The link for ``--output json``."""
        return {
            "link": self.key,
            "title": self.title,
            "status": self.status.value,
            "expected": self.expected,
            "found": self.found,
            "remedy": self.remedy.text,
            "commands": list(self.remedy.shell),
        }


@dataclass(frozen=True, slots=True)
class Check:
    """The key and the expectation of a link; each outcome makes the link."""

    key: str
    expected: str

    def passed(self, found: str = AS_EXPECTED) -> Link:
        """A link that holds."""
        return Link(self.key, Status.PASSED, self.expected, found)

    def failed(self, found: str, remedy: Remedy | str, *commands: ShellCommand) -> Link:
        """A link that does not hold; the remedy is given whole, or as text and commands."""
        whole = Remedy(remedy, commands) if isinstance(remedy, str) else remedy
        return Link(self.key, Status.FAILED, self.expected, found, whole)

    def not_asked(self, found: str, remedy: str, *commands: ShellCommand) -> Link:
        """A link that the question leaves out, with the command that asks it."""
        return Link(self.key, Status.NOT_ASKED, self.expected, found, Remedy(remedy, commands))

    def unknown(self, found: Unread | str, *facts: object, remedy: str = "") -> Link:
        """An undecided link: the facts that were not read say why, and which permissions they need;
        or else ``found``."""
        unread = [each for each in (found, *facts) if isinstance(each, Unread)]
        text = "; ".join(each.text for each in unread) or str(found)
        remedy = "; ".join(dict.fromkeys(each.remedy for each in unread)) or remedy
        return Link(self.key, Status.UNKNOWN, self.expected, text, Remedy(remedy))

    def refused(self, answer: Called, found: str = "") -> Link | None:
        """The link of a call that AWS should refuse; None if it was granted."""
        if not isinstance(answer, Answer):
            return self.unknown(answer)
        if answer.allowed:
            return None
        denied = answer.code in ("AccessDenied", "AccessDeniedException")
        return self.passed(found or answer.text) if denied else self.unknown(answer.text)

    def judged(self, judged: Judgement, *facts: object) -> Link | None:
        """The link that the evaluator decides, or leaves open for want of facts; None if denied."""
        if judged.verdict is Verdict.ALLOW:
            return self.passed(judged.deciding)
        link = replace(self.unknown(judged.text, *facts), by_place=judged.by_place)
        return link if judged.verdict is Verdict.UNKNOWN else None


def confirmed(link: Link, answer: Called, but: str, inside: str = "") -> Link:
    """Mark an undecided link as passed if AWS granted the dependent call; ``but`` says which.

    A call from here shows nothing of a condition on where a call comes from: ``inside`` says how to
    make it in the Pod, if it was not made there.
    """
    if link.status is not Status.UNKNOWN or not isinstance(answer, Answer) or not answer.allowed:
        return link
    if link.by_place and inside:
        return replace(link, remedy=Remedy(inside))
    return Check(link.key, link.expected).passed(f"{link.found}; but {but}")


def failing_link(links: Sequence[Link]) -> Link | None:
    """The first link that does not hold: the cause, as far as the later ones depend on it."""
    return next((link for link in links if link.status is Status.FAILED), None)


def status_of(links: Sequence[Link]) -> Status:
    """Failed if any link is, else unknown if any is, else passed."""
    statuses = {link.status for link in links}
    return next((e for e in (Status.FAILED, Status.UNKNOWN) if e in statuses), Status.PASSED)


def left_to_stack(link: Link, stack: Stack | None) -> Link:
    """Return the link with `pulumi` in place of the commands that change the stack's resources."""
    changed = dict.fromkeys(command.changes for command in link.remedy.commands)
    owned = [resource for resource in changed if resource and stack and resource in stack.owned]
    if stack is None or not owned:
        return link
    kept = (command for command in link.remedy.commands if command.changes not in owned)
    verbs = ("refresh", "up") if stack.name else ()
    pulumi = (ShellCommand(("pulumi", verb, "--stack", stack.name)) for verb in verbs)
    named = f"the stack {stack.name}" if stack.name else "the stack"
    text = f"{' and '.join(map(str, owned))} belongs to {named}: let it put that right"
    text += "" if stack.name else " with `pulumi refresh` and `pulumi up`"
    text += ", in the folder of its program; if the program or its configuration is wrong, correct "
    text += "it first"
    # pulumi-kubernetes takes fields over from kubectl in an `up`, and refuses them in its preview.
    if {"annotation", "configmap", "deployment"} & {resource.kind for resource in owned}:
        text += "; if its preview stops at a conflict with kubectl, add --skip-preview"
    return replace(link, remedy=Remedy(text, (*pulumi, *kept)))
