"""``python -m irsa explain``: the chain as a tree, and the principals of the role.

From a cluster, or from a trust policy or a stack in a file. It assumes no role and lists no bucket.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from itertools import chain

from irsa.access import trusts_subject
from irsa.callers.facts import RoleFacts
from irsa.callers.lines import Callers, callers_of
from irsa.callers.members import who_may
from irsa.commands import cli
from irsa.commands.chain_options import add_chain_options, questions
from irsa.commands.sources import places
from irsa.commands.tree import TreeNode, flowchart
from irsa.observe.facts import Principal, Role, Unread
from irsa.observe.files import read_json
from irsa.observe.pulumi import StackResources, stack_resources
from irsa.verify.facts import Facts
from irsa.verify.gather import TRUSTING_PROFILE, Sources, gather_each
from irsa.verify.link import Link, failing_link
from irsa.verify.walk import Chain
from irsa_core.decide.document import statements_of
from irsa_core.decide.truth import Verdict
from irsa_core.identity.policy_json import mapping
from irsa_core.identity.token import Token

CALLS = frozenset(
    {"assume", "caller", "data", "refused"}
    | {"role-b-assume", "role-b-caller", "role-b-data", "role-a-refused"}
)
"""Links that need a call; explain makes none."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_chain_options(command)
    command.add_argument(
        "--trust-policy",
        metavar="FILE",
        help="a trust policy, or for all roles of a program what `pulumi stack export` or `pulumi "
        "preview --json --show-sames` prints; - is standard input",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    if options.trust_policy:
        return _explain_trust_policy(options.trust_policy, options.output)
    return _explain_cluster(options)


def _show(output: str, trees: Sequence[TreeNode], unchecked: Sequence[str] = ()) -> None:
    if output == "json":
        print(cli.json_text(trees=[tree.as_json() for tree in trees], unchecked=unchecked))
    elif trees:
        print(flowchart(trees) if output == "mermaid" else "\n\n".join(map(str, trees)))
    cli.complain("explain", *unchecked)


def _explain_trust_policy(name: str, output: str) -> int:
    stack, document = None, read_json(name)
    document = mapping(mapping(document.get("Role")).get("AssumeRolePolicyDocument")) or document
    if "Statement" not in document:
        with suppress(ValueError):
            stack = stack_resources(document)
        if stack:
            return _explain_stack(name, stack, output)
    if not any(statement.principals for statement in statements_of(document)):
        raise cli.Stop(f"{name}: not a trust policy: no statement names a principal")
    callers = callers_of(document)
    _show(output, [_callers_tree(f"a role with the trust policy {name}", callers)])
    return cli.UNDECIDED if callers.undecided else cli.HOLDS


def _explain_stack(name: str, stack: StackResources, output: str) -> int:
    trees: list[TreeNode] = []
    unread = [f"{name}: {stack.missing}"] if stack.missing else []
    ids = {provider.arn: provider.client_ids for provider in stack.providers}
    issuers = frozenset(issuer.removeprefix("https://") for issuer in stack.issuers)
    for role in stack.roles:
        if isinstance(role.trust_policy, str):
            unread.append(f"{role.label}: the trust policy is {role.trust_policy}")
            continue
        role_facts = RoleFacts(role.account, ids, issuers=issuers)
        callers = callers_of(role.trust_policy, role_facts)
        trees.append(_callers_tree(role.label, callers))
        unread += [f"{role.label}: {callers.undecided}"] * bool(callers.undecided)
    if not trees and not unread:
        raise cli.Stop(f"{name}: it has no IAM role")
    _show(output, trees, unread)
    return cli.UNDECIDED if unread else cli.HOLDS


def _explain_cluster(options: argparse.Namespace) -> int:
    """Exit code 1 when a service account does not exist or a link fails, 3 when a service account
    could not be read."""
    trees: list[TreeNode] = []
    codes = {cli.HOLDS}
    asked, unchecked = questions(options)
    with places(options.context, options.region, options.trusting_profile) as where:
        callers_in = cache(partial(_callers_in, where))  # an account can have a thousand roles
        for facts in chain.from_iterable(gather_each(question, where) for question in asked):
            code, problem = _problem(facts)
            codes.add(code)
            if problem:
                unchecked.append(problem)
                continue
            links = [link for link in Chain(facts).links() if link.key not in CALLS]
            if failing_link(links):
                codes.add(cli.FAILS)
            trees.append(chain_tree(facts, links, callers_in, _allowed_accounts(facts, where)))
    _show(options.output, trees, unchecked)
    return next(code for code in (cli.FAILS, cli.UNDECIDED, cli.HOLDS) if code in codes)


def _problem(facts: Facts) -> tuple[int, str]:
    account = f"service account {facts.namespace}/{facts.name}"
    if facts.service_account is None:
        return cli.FAILS, f"{account} does not exist; correct the name, or create it"
    if isinstance(facts.service_account, Unread) and not facts.role_arn:
        return cli.UNDECIDED, facts.service_account.text
    return cli.HOLDS, ""


CallersIn = Callable[[str], Sequence[Principal] | Unread]


def chain_tree(
    facts: Facts, links: Sequence[Link], callers_in: CallersIn, accounts: Sequence[str]
) -> TreeNode:
    """The links of a chain, and the principals that can assume its roles.

    ``accounts`` are the service accounts of the cluster that can assume the first role.
    """
    root = TreeNode(facts.title)
    failing = failing_link(links)
    for link in links:
        remedy = [TreeNode(f"remedy: {link.remedy.text}")] if link.remedy.text else []
        label = f"{link.status.mark} {link.key}: {link.found}"
        root.children.append(TreeNode(label, remedy, fails=link is failing))
    for role in (facts.role, facts.role_b and facts.role_b.role):
        if isinstance(role, Role):
            callers = callers_of(role.trust_policy, RoleFacts(role.account))
            trusted = dict.fromkeys(line.account for line in callers.lines if line.account)
            members = {account: who_may(role, account, callers_in(account)) for account in trusted}
            node = _callers_tree(role.arn, callers, members)
            if accounts and role is facts.role:
                node.add("in this cluster", *accounts)
            root.children.append(node)
    return root


def _callers_tree(
    role: str, callers: Callers, members: Mapping[str, Sequence[str]] | None = None
) -> TreeNode:
    """The callers of a role.

    ``members`` has by account the users and roles that may, where a whole account is trusted.
    """
    root = TreeNode(f"who can assume {role}")
    for line in callers.lines:
        example = [line.example] * line.many
        root.add(line.text, *(members or {}).get(line.account, example))
    for text in callers.notes:
        root.add(text)
    return root


def _callers_in(where: Sources, account: str) -> Sequence[Principal] | Unread:
    """The users and roles of an account, or the permission and profile that are missing."""
    reader = where.reader(account)
    listed = reader.principals(account)
    if not isinstance(listed, Unread):
        return sorted([*listed.users, *listed.roles], key=lambda caller: caller.arn)
    if reader.account == account:
        return listed
    return replace(
        listed, permission="iam:GetAccountAuthorizationDetails there", way_out=TRUSTING_PROFILE
    )


def _allowed_accounts(facts: Facts, where: Sources) -> list[str]:
    """The service accounts of the cluster whose tokens the role's trust policy allows."""
    if not isinstance(facts.role, Role):
        return []
    accounts = where.cluster.service_accounts()
    if isinstance(accounts, Unread):
        return [accounts.text]
    if not isinstance(facts.token, Token):
        return []
    ask = partial(
        trusts_subject,
        facts.role,
        issuer_url=str(facts.token.claims.get("iss", "")),
        session_name="irsa-explain",
        now=facts.now,
    )
    return [
        f"{e.namespace}/{e.name}"
        for e in accounts
        if ask(e.subject, e.audience).verdict is Verdict.ALLOW
    ]
