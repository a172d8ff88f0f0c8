"""``python -m irsa explain``: the chain as a tree, and who else can assume the role.

From a cluster, from a stack's state (`pulumi stack export`), from `pulumi preview --json`, or from
a trust policy in a file. Nothing is assumed and nothing is listed.
"""

import argparse
import json
import time
from collections.abc import Sequence

from irsa import cli
from irsa.audit_rules import AuditFacts, judge
from irsa.chain import chain
from irsa.chain_facts import Facts
from irsa.collect_files import read_json
from irsa.evaluate import Verdict
from irsa.facts import Json, Role, Token, Unread
from irsa.gather import Places, Question, gather
from irsa.links import Link
from irsa.resources import accounts_of, resources_of, roles_of
from irsa.trees import Node, mermaid, of_assumers, of_links, of_stack, plain
from irsa.trust_words import who_can_assume
from irsa.verify import add_chain_options, places, questions

OUTPUTS = ("text", "mermaid", "json")
MADE_BY_CALLS = frozenset({"assume", "caller", "data", "refused"})
"""Links that only calls can tell; explain makes none."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    return cli.run("explain", _run, arguments)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = cli.parser(
        "explain", "Draw the chain, and say who else can assume the role.", outputs=OUTPUTS
    )
    add_chain_options(made)
    made.add_argument(
        "--state", metavar="FILE", help="a `pulumi stack export` or a `pulumi preview --json`"
    )
    made.add_argument("--trust-policy", metavar="FILE", help="a trust policy; - is standard input")
    return made


def _run(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    if options.trust_policy:
        trees = [_of_document(options.trust_policy, read_json(options.trust_policy))]
    elif options.state:
        trees = [_of_state(options.state, read_json(options.state))]
    else:
        asked = questions(options)
        with places(options) as where:
            trees = [_of_cluster(question, where) for question in asked]
    if options.output == "json":
        print(json.dumps([tree.as_json() for tree in trees], indent=1))
    else:
        draw = mermaid if options.output == "mermaid" else plain
        print("\n\n".join(draw(tree) for tree in trees))
    return cli.SO


def _of_document(name: str, document: Json) -> Node:
    try:
        return of_assumers(f"a role with the trust policy {name}", who_can_assume(document), [])
    except (AttributeError, TypeError) as error:
        raise cli.Stop(f"{name}: not a trust policy ({error})") from None


def _of_state(name: str, document: Json) -> Node:
    try:
        resources = resources_of(document)
    except ValueError as error:
        raise cli.Stop(f"{name}: {error}") from None
    roles = roles_of(resources)
    who = {role.urn: who_can_assume(role.trust_policy) for role in roles}
    return of_stack(roles, accounts_of(resources), who)


def _of_cluster(question: Question, where: Places) -> Node:
    facts = gather(question, where, calls=False)
    links = [link for link in chain(facts) if not _needs_calls(link)]
    title = f"{question.namespace}/{question.name}"
    if not isinstance(facts.role, Role):
        return of_links(title, links, [])
    accounts = _accounts_that_may(facts, facts.role, where)
    who = of_assumers(facts.role.arn, who_can_assume(facts.role.trust_policy), accounts)
    return of_links(title, links, [who])


def _needs_calls(link: Link) -> bool:
    return link.key.removeprefix("chain-") in MADE_BY_CALLS


def _accounts_that_may(facts: Facts, role: Role, where: Places) -> list[str]:
    """The service accounts of the cluster whose tokens the trust policy allows."""
    accounts = where.cluster.service_accounts()
    if isinstance(accounts, Unread):
        return [accounts.text]
    if not isinstance(facts.token, Token):
        return []
    audit_facts = AuditFacts(
        issuer_url=str(facts.token.claims.get("iss", "")),
        account=role.account,
        service_accounts=accounts,
        roles=(role,),
        providers=(),
        now=time.time(),
    )
    return [
        f"{account.namespace}/{account.name}"
        for account in accounts
        if judge(audit_facts, role, account).verdict is Verdict.ALLOW
    ]
