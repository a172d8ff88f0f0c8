"""Records that stand for what is no dataclass, so that one can be written in any language. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from irsa.identity.subjects import Subject, service_account_pattern, service_account_ref


@dataclass(frozen=True, kw_only=True)
class SubjectSpec:
    """Service accounts that a role trusts: one by its exact name, or those whose names match."""

    namespace: str
    """Their namespace."""

    name: str | None = None
    """Exact name of one service account."""

    pattern: str | None = None
    """Service accounts whose names match; '*' is any run of characters, '?' is one."""

    allow_whole_namespace: bool = False
    """Accept a pattern that every service account of the namespace matches."""

    def __post_init__(self) -> None:
        _ = self.meant  # building it checks the names

    @property
    def meant(self) -> Subject:
        """The subject."""
        if self.pattern is None and self.name is not None and not self.allow_whole_namespace:
            return service_account_ref(self.namespace, self.name)
        if self.pattern is None or self.name is not None:
            raise ValueError(
                "a subject has a name or a pattern, and allowWholeNamespace with a pattern only; "
                "give one of the two"
            )
        return service_account_pattern(
            self.namespace, self.pattern, allow_whole_namespace=self.allow_whole_namespace
        )


RECORDS: Mapping[Any, Any] = {Subject: SubjectSpec}
"""The record that is written for a type, whose ``meant`` is of that type."""
