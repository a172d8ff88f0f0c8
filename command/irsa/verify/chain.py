"""The whole chain, from the service account to the data, as the links that a request takes. Pure.

The answer to "why AccessDenied?" is the first link that failed.
"""

from dataclasses import dataclass
from functools import cached_property

from irsa.verify.facts import Calls, Facts
from irsa.verify.link import Link
from irsa.verify.links.in_cluster import in_cluster_links
from irsa.verify.links.to_bucket import bucket_links
from irsa.verify.links.to_role_b import links_before_role_b, role_b_links
from irsa.verify.links.to_session import links_before_sts, session_links
from irsa.verify.remedies.pulumi import left_to_stack


@dataclass(frozen=True)
class Chain:
    """One chain, whose links before a call are judged once: the call's wait depends on them."""

    facts: Facts

    @cached_property
    def before_sts(self) -> list[Link]:
        """Links that need no session of the role."""
        return links_before_sts(self.facts)

    @cached_property
    def before_role_b(self) -> list[Link]:
        """Links that need no session of role B."""
        return links_before_role_b(self.facts)

    def links(self, calls: Calls | None = None) -> list[Link]:
        """Every link, in the order in which a request takes them."""
        facts, calls = self.facts, calls or Calls()
        links = [
            *in_cluster_links(facts, calls.inside),
            *session_links(facts, calls, self.before_sts),
            *([] if facts.through_role_b else bucket_links(facts, calls)),
            *role_b_links(facts, calls.of_role_b, self.before_role_b, self.before_sts),
        ]
        return [left_to_stack(link, facts.stack) for link in links]
