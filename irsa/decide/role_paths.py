"""ARNs of roles whose path is not known: a session's ARN does not show its role's path.

Pure. Whether such an ARN fits a text is known when the path makes no difference.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPECIAL = re.compile(r"[*?$]")
_VARIABLE_OR_WILDCARD = re.compile(r"[*?}]")
# No policy has these characters, so that a text which fits them fits any path.
_SOME_PATH = "\ue000\ue001/"


@dataclass(frozen=True, slots=True)
class AnyPath:
    """The ARN of a role of which everything but the path is known."""

    prefix: str
    """The ARN up to where the path begins."""
    name: str

    @classmethod
    def of(cls, role_arn: str) -> "AnyPath":
        """The role that ``role_arn`` would be without a path."""
        prefix, slash, name = role_arn.rpartition("/")
        return cls(prefix + slash, name)

    @property
    def samples(self) -> tuple[str, str]:
        """Without a path, and with one that no policy has: what fits both fits any path."""
        return self.prefix + self.name, f"{self.prefix}{_SOME_PATH}{self.name}"

    def may_be(self, text: str) -> bool:
        """Whether the role can have this ARN, which has no wildcards."""
        start = len(self.prefix) - 1
        return text.startswith(self.prefix) and text[start:].endswith(f"/{self.name}")

    def may_fit(self, texts: Sequence[str]) -> bool:
        """Whether there may be a path with which the ARN fits one of a policy's texts.

        Upper and lower case count as the same: an operator that tells them apart has only more
        answers that are not known.
        """
        role = AnyPath(self.prefix.lower(), self.name.lower())
        return any(role._may_fit(text.lower()) for text in texts)

    def _may_fit(self, text: str) -> bool:
        if not _SPECIAL.search(text):
            return self.may_be(text)
        start, end = _SPECIAL.split(text, maxsplit=1)[0], _VARIABLE_OR_WILDCARD.split(text)[-1]
        last = f"/{self.name}"
        return (start.startswith(self.prefix) or self.prefix.startswith(start)) and (
            end.endswith(last) or last.endswith(end)
        )

    def __str__(self) -> str:
        return f"{self.prefix}<a path that is not known>/{self.name}"
