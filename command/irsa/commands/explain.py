"""``python -m irsa explain``: the chain as a tree or a picture, and the principals of the role.

From a cluster, from a stack's state (`pulumi stack export`), from `pulumi preview --json`, or from
a trust policy in a file. It assumes no role and lists no bucket.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import chain

from irsa.access import trusts_service_account
from irsa.commands import cli
from irsa.commands.chain_options import add_chain_options, places, questions
from irsa.commands.pictures.chain import Explained, assumers_tree, chain_tree, chains_picture
from irsa.commands.pictures.mermaid import flowchart
from irsa.commands.pictures.picture import Picture, trust_policy_picture
from irsa.commands.pictures.stack_picture import stack_picture, stack_tree
from irsa.commands.pictures.tree import Node
from irsa.decide.truth import Verdict
from irsa.identity.token import Token
from irsa.observe.facts import Principal, Role, Unread
from irsa.observe.files import read_json
from irsa.observe.pulumi import stack_resources
from irsa.verify.facts import Facts
from irsa.verify.gather import TRUSTING_PROFILE, Sources, gather_each
from irsa.verify.link import failing_link
from irsa.verify.walk import Chain
from irsa.who.assumers import Assumer, who_can_assume
from irsa.who.callers import SESSION_NAME, Callers, who_may

OUTPUTS = ("text", "mermaid", "json")
CALLS = frozenset({"assume", "caller", "data", "refused"})
"""Links that need a call; explain makes none."""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = cli.parser(
        "explain", "Draw the chain, and list who else can assume the role.", outputs=OUTPUTS
    )
    add_chain_options(command)
    command.add_argument(
        "--state",
        metavar="FILE",
        help="a `pulumi stack export` or a `pulumi preview --json --show-sames`; - is standard "
        "input",
    )
    command.add_argument(
        "--trust-policy", metavar="FILE", help="a trust policy; - is standard input"
    )
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    if options.trust_policy:
        return _explain_trust_policy(options.trust_policy, options.output)
    if options.state:
        return _explain_state(options.state, options.output)
    return _explain_cluster(options)


def _show(output: str, trees: Sequence[Node], picture: Picture) -> None:
    if output == "json":
        print(json.dumps([tree.as_json() for tree in trees], indent=1))
    elif output == "mermaid":
        print(flowchart(picture))
    else:
        print("\n\n".join(map(str, trees)))


def _explain_trust_policy(name: str, output: str) -> int:
    assumers = who_can_assume(read_json(name))
    if not assumers:
        raise cli.Stop(f"{name}: not a trust policy: no statement names a principal")
    title = f"a role with the trust policy {name}"
    _show(output, [assumers_tree(title, assumers)], trust_policy_picture(title, assumers))
    return cli.HOLDS


def _explain_state(name: str, output: str) -> int:
    """Exit code 3 when the file leaves resources out, and the picture may be incomplete."""
    try:
        stack = stack_resources(read_json(name))
    except ValueError as error:
        raise cli.Stop(f"{name}: {error}") from None
    picture = stack_picture(stack)
    if picture.boxes or not stack.missing:
        _show(output, [stack_tree(stack)], picture)
    if stack.missing:
        cli.complain("explain", f"{name}: {stack.missing}")
        return cli.UNDECIDED
    return cli.HOLDS


def _explain_cluster(options: argparse.Namespace) -> int:
    """Exit code 1 when a service account does not exist or a link fails, 3 when a service account
    could not be read."""
    trees: list[Node] = []
    chains: list[Explained] = []
    codes = {cli.HOLDS}
    asked = questions(options)
    with places(options) as where:
        callers_in = cache(partial(_callers_in, where))  # an account can have a thousand roles
        for facts in chain.from_iterable(gather_each(each, where) for each in asked):
            code, problem = _problem(facts)
            codes.add(code)
            if problem:
                cli.complain("explain", problem)
                continue
            chains.append(_explained(facts, callers_in))
            if failing_link(chains[-1].links):
                codes.add(cli.FAILS)
            trees.append(chain_tree(chains[-1], _allowed_accounts(facts, where)))
    if trees:
        _show(options.output, trees, chains_picture(chains))
    return next(code for code in (cli.FAILS, cli.UNDECIDED, cli.HOLDS) if code in codes)


def _problem(facts: Facts) -> tuple[int, str]:
    account = f"service account {facts.namespace}/{facts.name}"
    if facts.service_account is None:
        return cli.FAILS, f"{account} does not exist; correct the name, or create it"
    if isinstance(facts.service_account, Unread) and not facts.role_arn:
        return cli.UNDECIDED, facts.service_account.text
    return cli.HOLDS, ""


CallersIn = Callable[[str], Sequence[Principal] | Unread]


def _explained(facts: Facts, callers_in: CallersIn) -> Explained:
    links = [link for link in Chain(facts).links() if link.key.removeprefix("chain-") not in CALLS]
    assumers: dict[str, Sequence[Assumer]] = {}
    callers: dict[str, dict[str, Callers]] = {}
    for role in (facts.role, facts.role_b and facts.role_b.role):
        if isinstance(role, Role):
            assumers[role.arn] = who_can_assume(role.trust_policy, role.account)
            trusted = dict.fromkeys(each.account for each in assumers[role.arn] if each.account)
            callers[role.arn] = {each: who_may(role, each, callers_in(each)) for each in trusted}
    return Explained(facts, links, assumers, callers)


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
        trusts_service_account,
        facts.role,
        issuer_url=str(facts.token.claims.get("iss", "")),
        session_name=SESSION_NAME,
        now=facts.now,
    )
    return [
        f"{account.namespace}/{account.name}"
        for account in accounts
        if ask(account).verdict is Verdict.ALLOW
    ]
