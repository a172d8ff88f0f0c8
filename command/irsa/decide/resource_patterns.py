"""A Resource element's text: an ARN with wildcards, and variables behind its fifth colon only.

Pure. A ``*`` that ends one of an ARN's first five parts goes on over colons, any other stays within
its part. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
and .../reference_policies_variables.html
"""

import re
from collections.abc import Iterator

from irsa.decide.patterns import Lookup, Pattern, Template
from irsa.decide.truth import Truth, any_of
from irsa.identity.arns import pattern_segments, segments
from irsa.identity.outputs import UNKNOWN_OUTPUT

_COLONS = 5
_FOLLOWED = 16
"""Colons up to which every place where a star may end is tried; with more the answer is unknown."""


_PARTITION = re.compile(r"aws(?:-[a-z-]+)?|[a-z-]*\*[a-z-]*")


class ResourceTemplate:
    """A text of a Resource element, to be compared with a request's resource."""

    __slots__ = ("_heads", "_last", "_text", "_variables")

    def __init__(self, text: str, *, variables: bool) -> None:
        *heads, last = pattern_segments(text)
        whole = len(heads) == _COLONS
        behind = len(text) - len(last) if whole else len(text)
        self._text = Template(text, variables=variables, wildcards=True, literal=behind)
        # Only a star that does not end its part has to be kept from going over a colon.
        inner = any("*" in part[:-1] for part in (heads if whole else [*heads, last]))
        self._heads = heads if inner else None
        self._last = last
        self._variables = variables and whole

    def matches(self, resource: str, lookup: Lookup, *, unresolved: Truth = False) -> Truth:
        """Return whether the resource fits; ``unresolved`` where a variable has no value."""
        truth = self._text.matches(resource, lookup, unresolved=unresolved)
        if self._heads is None or not truth:
            return truth
        parts = segments(resource, _FOLLOWED + 2)
        if len(parts) > _FOLLOWED + 1:
            return None
        last = Template(self._last, variables=self._variables, wildcards=True)
        rests = self._rests(self._heads, parts)
        return any_of(last.matches(rest, lookup, unresolved=unresolved) for rest in rests)

    def unknown_keys(self, lookup: Lookup) -> list[str]:
        """The variables in it whose values are not known."""
        return self._text.unknown_keys(lookup)

    def _rests(self, heads: list[str], parts: list[str]) -> Iterator[str]:
        """Return the patterns that the last part of the text may have to fit."""
        starts = [0]
        for head in heads:
            starts = _ends(head, starts, parts)
        for start in starts:
            if len(heads) == _COLONS:
                yield ":".join(parts[start:])
            elif self._last.endswith("*") or start == len(parts) - 1:
                yield parts[start]


def _ends(head: str, starts: list[int], parts: list[str]) -> list[int]:
    """The parts of a resource that can follow a part of a text that begins at one of ``starts``."""
    pattern = Pattern.parse(head)
    fitting = [each for each in starts if pattern.matches(parts[each])]
    if head.endswith("*") and fitting:
        return list(range(fitting[0] + 1, len(parts)))
    return [each + 1 for each in fitting if each + 1 < len(parts)]


def resource_problem(text: str) -> str:
    """IAM's message for a Resource of an identity policy that it does not store, or nothing."""
    if text == "*" or UNKNOWN_OUTPUT in text:
        return ""
    parts = segments(text)
    if len(parts) == 1:
        return f'Resource {text} must be in ARN format or "*".'
    if not _PARTITION.fullmatch(parts[1]):
        arn = ":".join(["arn", *parts[1:], *["*"] * (6 - len(parts))])
        return f'Partition "{parts[1]}" is not valid for resource "{arn}".'
    if len(parts) == 2 and not text.endswith("*"):
        return "Resource vendor must be fully qualified and cannot contain regexes."
    service, region, account = [*parts[2:5], "", "", ""][:3]
    if service == "iam" and region:
        return f"IAM resource {text} cannot contain region information."
    if service == "s3" and region and not account:
        return f"Resource {text} can not contain region information."
    cut = len(parts) in (4, 5) and not text.endswith("*")
    return "The policy failed legacy parsing" if cut or not (service or len(parts) == 2) else ""
