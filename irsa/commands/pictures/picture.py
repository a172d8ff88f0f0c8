"""What a picture of one or several chains holds: one box a thing, and how one leads to the next.

Pure. `irsa.commands.pictures.mermaid` writes it down; `irsa.commands.pictures.chain` and
`irsa.commands.pictures.stack` fill it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from irsa.decide.patterns import is_plain
from irsa.identity.arns import kind_of, parse_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policy_json import Json, as_list
from irsa.observe.shapes import mappings
from irsa.verify.link import Status
from irsa.who.assumers import Assumer
from irsa.who.callers import Callers

USUAL = f"aud StringEquals {STS_AUDIENCE}"
"""The condition that every role of this kind has, which a picture need not say."""


class Box(NamedTuple):
    """One thing: what kind it is, and which one."""

    kind: str
    name: str


class Way(NamedTuple):
    """How one thing leads to another."""

    text: str
    status: Status | None = None
    """What became of it, where it was checked; unknown, where it is known after an `up`."""


@dataclass
class Picture:
    """Boxes and arrows, in the order in which they were first named."""

    boxes: dict[Box, list[str]] = field(default_factory=dict[Box, list[str]])
    """With further lines to write into each."""
    arrows: dict[tuple[Box, Box], list[Way]] = field(
        default_factory=dict[tuple[Box, Box], list[Way]]
    )

    def box(self, kind: str, name: str, *lines: str) -> Box:
        """The box of a thing, drawn once however often it is named."""
        box = Box(kind, name)
        written = self.boxes.setdefault(box, [])
        written.extend(each for each in lines if each not in written)
        return box

    def arrow(self, start: Box, end: Box, *ways: Way) -> None:
        """An arrow from one box to another; all the ways between two are on one."""
        for box in (start, end):
            self.boxes.setdefault(box, [])
        known = self.arrows.setdefault((start, end), [])
        known.extend(each for each in ways if each not in known)


def box_of(assumer: Assumer) -> Box:
    """The box of whom a trust policy names."""
    return Box(assumer.kind, assumer.name or assumer.who)


def draw_assumers(
    picture: Picture, role: Box, assumers: Sequence[Assumer], callers: Mapping[str, Callers]
) -> None:
    """An arrow from everybody whom a trust policy names.

    ``callers`` says by account who of it may, where a whole account is trusted.
    """
    several = len({each.issuer for each in assumers} - {""}) > 1
    for each in assumers:
        if not each.kind:
            picture.box(*role, f"trust policy {each.who}")
            continue
        start = box_of(each)
        allowed = callers.get(each.account)
        picture.arrow(start, role, _way(each, several=several))
        if allowed is not None:
            _draw_callers(picture, start, role, allowed)


def _way(assumer: Assumer, *, several: bool) -> Way:
    where = f" of cluster {assumer.issuer}" if several and assumer.issuer else ""
    conditions = [f"if {text}" for text in assumer.conditions if text != USUAL]
    if assumer.allows:
        return Way(", ".join([f"trust{where}", *conditions]))
    return Way(", ".join([f"trust policy denies it{where}", *conditions]), Status.FAILED)


def _draw_callers(picture: Picture, account: Box, role: Box, callers: Callers) -> None:
    """Who of an account may assume the role: arrows to the account's box, which is trusted."""
    if callers.unread is not None or not (callers.may or callers.perhaps):
        picture.box(*account, *callers.texts)
    ways = [(arn, Way("policy")) for arn in callers.may]
    ways += [(arn, Way(f"policy: {why}", Status.UNKNOWN)) for arn, why in callers.perhaps]
    for arn, way in ways:
        start = Box("role" if kind_of(arn) == "role" else "user", arn)
        if (start, role) not in picture.arrows:  # named by the trust policy, too
            picture.arrow(start, account, way)


def draw_policy(picture: Picture, role: Box, name: str, document: Json | str) -> None:
    """An arrow to every bucket and role that a permissions policy names; else its name alone."""
    reached = [] if isinstance(document, str) else list(dict.fromkeys(_reached(document)))
    for box, status in reached:
        if (role, box) not in picture.arrows:
            picture.arrow(role, box, Way(f"policy {name}", status))
    if not reached:
        picture.box(*role, f"policy {name}")


def _reached(document: Json) -> Iterator[tuple[Box, Status | None]]:
    """The buckets and roles that a policy document names one by one, and what it says of them."""
    for statement in mappings(as_list(document.get("Statement"))):
        status = None if statement.get("Effect") == "Allow" else Status.FAILED
        for resource in as_list(statement.get("Resource")):
            box = _thing(str(resource))
            if box is not None:
                yield box, status


def _thing(resource: str) -> Box | None:
    arn = parse_arn(resource)
    if arn is None or not arn.partition.startswith("aws"):
        return None
    bucket = arn.resource.partition("/")[0]
    if arn.service == "s3" and bucket and is_plain(bucket, wildcards=True):
        return Box("bucket", bucket)
    if arn.service == "iam" and arn.kind == "role":
        return Box("role", resource)
    return None
