"""The whole chain, from the service account to the data, as the links that a request takes. Pure.

The answer to "why AccessDenied?" is the first link that failed.
"""

from irsa.chain.chain_facts import Facts
from irsa.chain.chaining_links import chaining_links
from irsa.chain.data_links import data_links
from irsa.chain.links import Link
from irsa.chain.pod_links import pod_links
from irsa.chain.stack_remedies import by_the_stack
from irsa.chain.trust_links import trust_links


def chain(facts: Facts) -> list[Link]:
    """Every link of the chain, in the order in which a request takes them."""
    # With role B, the bucket is role B's business.
    own = [] if facts.chain is not None or facts.profile else data_links(facts)
    links = [*pod_links(facts), *trust_links(facts), *own, *chaining_links(facts)]
    return [by_the_stack(link, facts) for link in links]
