"""Facts of callers, the ways by which they come, and what is known of a role. Pure.

A caller is one value for each fact of a way. Condition keys are read from facts: keys that hang
together, such as ``aws:SourceArn`` and the tag ``eks-cluster-name``, come from one, so that no
caller is made who cannot exist.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from irsa.callers.classes import Linear
from irsa.callers.languages import Language
from irsa_core.decide.document import Condition
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.statements import CompiledStatement
from irsa_core.decide.steps import AssumeRole, AssumeRoleWithWebIdentity

Facts = Mapping[str, Value]
"""The values of a caller's facts, by name."""
Call = AssumeRole | AssumeRoleWithWebIdentity
ClientIds = Mapping[str, tuple[str, ...]]
"""The client ids of OIDC providers, by ARN."""


class Carrier(NamedTuple):
    """Form in which a condition key carries a fact."""

    before: str = ""
    """Regular expression of the text before the key's value in the fact's."""
    after: str = ""

    def read(self, fact: Value) -> Value:
        """Return the key's value, from the fact's."""
        if isinstance(fact, str) and self != SAME:
            return re.sub(rf"(?s)\A{self.before}(.*?){self.after}\Z", r"\1", fact)
        return fact


SAME = Carrier()


class Fact(NamedTuple):
    """A fact of a caller."""

    name: str
    language: Language
    keys: Mapping[str, Carrier] = {}
    """The condition keys, in lower case, that carry it."""
    optional: bool = False
    identity: bool = False
    """True if it says who the caller is."""
    several: bool = False
    """True if it can have several values at once."""
    apart: tuple[Linear, ...] | None = None
    """The values that Principal elements name, if it is they who name it."""


class Way(NamedTuple):
    """A way by which callers come."""

    who: Callable[..., str]
    """Words for callers, of a text for each fact of identity; an empty one is for all."""
    principal: str
    """The provider, service or session that a Principal element names, or their account."""
    facts: tuple[Fact, ...]
    call: Callable[[Facts], Call]
    """The call of a caller, without the policies that it meets."""
    conditions: Sequence[Condition] = ()
    """Those of the statements that may be about its callers."""
    open: bool = False
    """True if it is not known which keys the call carries beside the facts."""


class RoleFacts(NamedTuple):
    """Facts of a role beside its documents."""

    account: str = ""
    """Its account; empty while it is not known."""
    client_ids: Mapping[str, tuple[str, ...]] = {}
    """The client ids of registered OIDC providers, by ARN."""
    every_provider: bool = False
    """True if no other provider is registered in the account."""
    issuers: frozenset[str] = frozenset()
    """Issuers of Kubernetes clusters that are known to be such."""
    partition: str = "aws"
    """The role's, as its documents spell it."""


NOTHING_KNOWN = RoleFacts()


class Asked(NamedTuple):
    """Demands of statements on callers."""

    statements: Sequence[CompiledStatement]

    @property
    def conditions(self) -> list[Condition]:
        """The conditions of all of them."""
        return [test.condition for each in self.statements for test in each.conditions]

    @property
    def keys(self) -> dict[str, str]:
        """The condition keys as they are written, by key in lower case."""
        return {each.key.lower(): each.key for each in self.conditions}

    def covers(self, action: str) -> bool:
        """Return whether one of them may be about an action."""
        return any(each.action.covers(action, lambda _: Key.UNKNOWN) for each in self.statements)
