"""A picture of chains, a stack or a trust policy: boxes, and labelled arrows between them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from irsa.decide.patterns import is_plain
from irsa.identity.arns import kind_of, parse_arn
from irsa.identity.eks import STS_AUDIENCE
from irsa.identity.policy_json import Json, as_list, mappings
from irsa.verify.link import Status
from irsa.who.assumers import Assumer
from irsa.who.callers import Callers

USUAL = f"aud StringEquals {STS_AUDIENCE}"
"""The condition that every role for IRSA has, which a picture leaves out."""


class Box(NamedTuple):
    """A resource or an identity: its kind, and its name."""

    kind: str
    name: str


class Label(NamedTuple):
    """A line of an arrow's label."""

    text: str
    status: Status | None = None
    """The result of the check, where there was one."""


@dataclass
class Picture:
    """Boxes and arrows, in the order in which they were first named."""

    boxes: dict[Box, list[str]] = field(default_factory=dict[Box, list[str]])
    """With further lines to write into each."""
    arrows: dict[tuple[Box, Box], list[Label]] = field(
        default_factory=dict[tuple[Box, Box], list[Label]]
    )

    def box(self, kind: str, name: str, *lines: str) -> Box:
        """Add a box, or lines to the one that is there."""
        box = Box(kind, name)
        written = self.boxes.setdefault(box, [])
        written.extend(each for each in lines if each not in written)
        return box

    def arrow(self, start: Box, end: Box, text: str, status: Status | None = None) -> None:
        """Add an arrow, or a line to the label of the one between these boxes."""
        for box in (start, end):
            self.boxes.setdefault(box, [])
        labels = self.arrows.setdefault((start, end), [])
        if Label(text, status) not in labels:
            labels.append(Label(text, status))


def assumer_box(assumer: Assumer) -> Box:
    """The box of a principal that a trust policy names."""
    return Box(assumer.kind, assumer.name or assumer.who)


def trust_policy_picture(name: str, assumers: Sequence[Assumer]) -> Picture:
    """The picture of a trust policy that is in a file."""
    picture = Picture()
    draw_assumers(picture, picture.box("role", name), assumers, {})
    return picture


def draw_assumers(
    picture: Picture, role: Box, assumers: Sequence[Assumer], callers: Mapping[str, Callers]
) -> None:
    """Draw an arrow from every principal of a trust policy.

    ``callers`` has by account the users and roles that may, where a whole account is trusted.
    """
    several = len({each.issuer for each in assumers} - {""}) > 1
    for each in assumers:
        if not each.kind:
            picture.box(*role, f"trust policy {each.who}")
            continue
        start = assumer_box(each)
        cluster = f" of cluster {each.issuer}" if several and each.issuer else ""
        conditions = [f"if {text}" for text in each.conditions if text != USUAL]
        effect = "trust" if each.allows else "trust policy denies it"
        status = None if each.allows else Status.FAILED
        picture.arrow(start, role, ", ".join([f"{effect}{cluster}", *conditions]), status)
        if each.account in callers:
            _draw_callers(picture, start, role, callers[each.account])


def _draw_callers(picture: Picture, account: Box, role: Box, callers: Callers) -> None:
    """Draw arrows from the users and roles that may assume the role to their account's box."""
    if callers.unread is not None or not (callers.may or callers.perhaps):
        picture.box(*account, *callers.texts)
    labels = [(arn, Label("policy")) for arn in callers.may]
    labels += [(arn, Label(f"policy: {why}", Status.UNKNOWN)) for arn, why in callers.perhaps]
    for arn, label in labels:
        start = Box("role" if kind_of(arn) == "role" else "user", arn)
        if (start, role) not in picture.arrows:  # named by the trust policy, too
            picture.arrow(start, account, *label)


def draw_policy(picture: Picture, role: Box, name: str, document: Json) -> None:
    """Draw an arrow to every bucket and role that a permissions policy names; else its name."""
    found = list(dict.fromkeys(reached(document)))
    for box, status in found:
        if (role, box) not in picture.arrows:
            picture.arrow(role, box, f"policy {name}", status)
    if not found:
        picture.box(*role, f"policy {name}")


def reached(document: Json) -> Iterator[tuple[Box, Status | None]]:
    """Return the buckets and roles that a policy document names; failed for those of a Deny."""
    for statement in mappings(as_list(document.get("Statement"))):
        status = None if statement.get("Effect") == "Allow" else Status.FAILED
        for resource in as_list(statement.get("Resource")):
            box = _resource_box(str(resource))
            if box is not None:
                yield box, status


def _resource_box(resource: str) -> Box | None:
    arn = parse_arn(resource)
    if arn is None or not arn.partition.startswith("aws"):
        return None
    bucket = arn.resource.partition("/")[0]
    if arn.service == "s3" and bucket and is_plain(bucket, wildcards=True):
        return Box("bucket", bucket)
    if arn.service == "iam" and arn.kind == "role":
        return Box("role", resource)
    return None
