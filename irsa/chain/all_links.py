"""The whole chain, from the service account to the data, as the links that a request takes. Pure.

The answer to "why AccessDenied?" is the first link that failed.
"""

from irsa.chain.facts import Facts
from irsa.chain.link import Link
from irsa.chain.links.in_cluster import in_cluster_links
from irsa.chain.links.to_bucket import bucket_links
from irsa.chain.links.to_role_b import role_b_links
from irsa.chain.links.to_session import session_links
from irsa.chain.remedies.stack import by_the_stack


def chain(facts: Facts) -> list[Link]:
    """Every link of the chain, in the order in which a request takes them."""
    # With role B, the bucket is role B's business.
    own = [] if facts.role_b is not None or facts.profile else bucket_links(facts)
    links = [*in_cluster_links(facts), *session_links(facts), *own, *role_b_links(facts)]
    return [by_the_stack(link, facts) for link in links]
