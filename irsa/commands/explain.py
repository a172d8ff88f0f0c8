"""``python -m irsa explain``: the chain as a tree or a picture, and who else can assume the role.

From a cluster, from a stack's state (`pulumi stack export`), from `pulumi preview --json`, or from
a trust policy in a file. It assumes no role and lists no bucket.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

from irsa.access import trusts_service_account
from irsa.commands import cli
from irsa.commands.chain_options import add_chain_options, places, questions
from irsa.commands.pictures.chain import Explained, of_chains
from irsa.commands.pictures.mermaid import flowchart
from irsa.commands.pictures.picture import Picture
from irsa.commands.pictures.stack import of_stack as picture_of_stack
from irsa.commands.pictures.stack import of_trust
from irsa.commands.pictures.tree import Node, of_assumers, of_links, of_stack, plain
from irsa.commands.printable import line
from irsa.decide.verdict import Verdict
from irsa.identity.token import Token
from irsa.observe.facts import Role, Unread
from irsa.observe.files import read_documents, read_json
from irsa.observe.previews import resources_of
from irsa.observe.pulumi_resources import accounts_of, roles_of, workloads_of
from irsa.verify.chain import Chain
from irsa.verify.facts import Facts
from irsa.verify.gather import Question, Sources, gather
from irsa.verify.link import Link
from irsa.who.assumers import Assumer, who_can_assume
from irsa.who.callers import SESSION_NAME, AccountPrincipal, Callers, callers_of, who_may

OUTPUTS = ("text", "mermaid", "json")
MADE_BY_CALLS = frozenset({"assume", "caller", "data", "refused"})
"""Links that only calls can tell; explain makes none."""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "explain", "Draw the chain, and say who else can assume the role.", outputs=OUTPUTS
    )
    add_chain_options(command)
    command.add_argument(
        "--state",
        metavar="FILE",
        help="a `pulumi stack export`, a `pulumi preview --json --show-sames`, or the lines of "
        "`pulumi preview --event-log`; - is standard input",
    )
    command.add_argument(
        "--trust-policy", metavar="FILE", help="a trust policy; - is standard input"
    )
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    if options.trust_policy:
        return _of_document(options.trust_policy, options.output)
    if options.state:
        return _of_state(options.state, options.output)
    return _of_cluster(options)


def _show(output: str, trees: Sequence[Node], picture: Picture) -> None:
    if output == "json":
        print(json.dumps([tree.as_json() for tree in trees], indent=1))
    elif output == "mermaid":
        print(flowchart(picture))
    else:
        print("\n\n".join(plain(tree) for tree in trees))


def _complain(message: str) -> None:
    print(line(f"irsa explain: {message}"), file=sys.stderr)


def _of_document(name: str, output: str) -> int:
    assumers = who_can_assume(read_json(name))
    if not assumers:
        raise cli.Stop(f"{name}: not a trust policy: no statement names a principal")
    title = f"a role with the trust policy {name}"
    _show(output, [of_assumers(title, assumers, [], {})], of_trust(title, assumers))
    return cli.HOLDS


def _of_state(name: str, output: str) -> int:
    """Exit code 3 when the file leaves resources out, for what is drawn may lack the rest."""
    try:
        listed = resources_of(read_documents(name))
        roles, accounts = roles_of(listed.resources), accounts_of(listed.resources)
        who = {role.urn: who_can_assume(role.trust_policy) for role in roles}
    except ValueError as error:
        raise cli.Stop(f"{name}: {error}") from None
    workloads = workloads_of(listed.resources)
    picture = picture_of_stack(roles, accounts, workloads, who)
    if picture.boxes or not listed.missing:
        _show(output, [of_stack(roles, accounts, who)], picture)
    if listed.missing:
        _complain(f"{name}: {listed.missing}")
        return cli.UNDECIDED
    return cli.HOLDS


def _of_cluster(options: argparse.Namespace) -> int:
    """Exit code 1 when a service account does not exist, 3 when one could not be read."""
    trees: list[Node] = []
    chains: list[Explained] = []
    codes = {cli.HOLDS}
    asked = questions(options)
    with places(options) as where:
        callers_in = cache(partial(_callers_in, where))  # an account can have a thousand roles
        for question in asked:
            facts = gather(question, where)
            code, problem = _not_there(facts)
            codes.add(code)
            if problem:
                _complain(problem)
                continue
            chains.append(_explained(facts, callers_in))
            trees.append(_tree(question, chains[-1], where))
    if trees:
        _show(options.output, trees, of_chains(chains))
    return next(code for code in (cli.FAILS, cli.UNDECIDED, cli.HOLDS) if code in codes)


def _not_there(facts: Facts) -> tuple[int, str]:
    """Exit code and words where there is nothing to explain; no words where there is."""
    account = f"service account {facts.namespace}/{facts.name}"
    if facts.service_account is None:
        return cli.FAILS, f"{account} does not exist; correct the name, or create it"
    if isinstance(facts.service_account, Unread) and not facts.role_arn:
        return cli.UNDECIDED, facts.service_account.text
    return cli.HOLDS, ""


CallersIn = Callable[[str], Sequence[AccountPrincipal] | Unread]


def _explained(facts: Facts, callers_in: CallersIn) -> Explained:
    links = [link for link in Chain(facts).links() if not _needs_calls(link)]
    assumers: dict[str, Sequence[Assumer]] = {}
    callers: dict[str, dict[str, Callers]] = {}
    for role in (facts.role, facts.role_b and facts.role_b.role):
        if isinstance(role, Role):
            assumers[role.arn] = who_can_assume(role.trust_policy)
            trusted = dict.fromkeys(each.account for each in assumers[role.arn] if each.account)
            callers[role.arn] = {each: who_may(role, each, callers_in(each)) for each in trusted}
    return Explained(facts, links, assumers, callers)


def _callers_in(where: Sources, account: str) -> Sequence[AccountPrincipal] | Unread:
    """The users and roles of an account; where it cannot be read, what it takes."""
    reader = where.reader(account)
    details = reader.authorization_details(account)
    if not isinstance(details, Unread):
        return callers_of(details)
    if reader.account == account:
        return details
    return replace(
        details,
        permission="iam:GetAccountAuthorizationDetails there",
        way_out="name a profile of that account with --trusting-profile",
    )


def _tree(question: Question, explained: Explained, where: Sources) -> Node:
    facts = explained.facts
    who = [
        of_assumers(
            arn,
            assumers,
            _accounts_that_may(facts, facts.role, where)
            if isinstance(facts.role, Role) and arn == facts.role.arn
            else [],
            explained.callers[arn],
        )
        for arn, assumers in explained.assumers.items()
    ]
    return of_links(f"{question.namespace}/{question.name}", explained.links, who)


def _needs_calls(link: Link) -> bool:
    return link.key.removeprefix("chain-") in MADE_BY_CALLS


def _accounts_that_may(facts: Facts, role: Role, where: Sources) -> list[str]:
    """The service accounts of the cluster whose tokens the trust policy allows."""
    accounts = where.cluster.service_accounts()
    if isinstance(accounts, Unread):
        return [accounts.text]
    if not isinstance(facts.token, Token):
        return []
    issuer_url = str(facts.token.claims.get("iss", ""))
    return [
        f"{account.namespace}/{account.name}"
        for account in accounts
        if trusts_service_account(
            role, account, issuer_url=issuer_url, session_name=SESSION_NAME, now=facts.now
        ).verdict
        is Verdict.ALLOW
    ]
