"""Remedies in IAM and S3: commands, and documents that allow one caller and no other. Pure.

A statement that denies may be there for other callers: it gets an exception for this caller, and is
removed only when it is about this caller alone. A policy stands in a command as JSON that a person
can read: a shell takes a quoted argument over several lines, and IAM and S3 do not mind the white
space.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count

from irsa.observe.facts import PermissionsPolicy, RegisteredProvider, Role
from irsa.verify.facts import Facts, documents_of
from irsa.verify.link import Remedy, Resource, ShellCommand, aws
from irsa_core.decide.document import Condition, conditions_of
from irsa_core.decide.policies import Source
from irsa_core.decide.principals import UNIQUE_ID
from irsa_core.identity.arns import RoleArn, issuer_of_principal
from irsa_core.identity.pod_identity import SERVICE_ACCOUNT_TAG
from irsa_core.identity.policy_json import Json, as_list, principals, statements, without

OWN_PREFIX = "irsa-"
"""Of the inline policies that remedies put on a role."""
ONE_LINE = 80
"""Characters of a document up to which it is clearest on one line."""


def readable(document: Json) -> str:
    """A policy as it stands in a command."""
    short = json.dumps(document)
    return short if len(short) <= ONE_LINE else json.dumps(document, indent=2)


def _on_role(role: Role, operation: str, changes: Resource | None, **options: str) -> ShellCommand:
    return aws("iam", operation, changes=changes, role_name=role.name, **options)


def put_policy(role: Role, policy: PermissionsPolicy) -> ShellCommand:
    """Attach a managed policy to a role, or put an inline policy on it."""
    completes = Resource("role", role.arn)
    if policy.arn:
        return _on_role(role, "attach-role-policy", completes, policy_arn=policy.arn)
    # A policy of our own completes the role; any other one has its own owner.
    own = policy.name.startswith(OWN_PREFIX)
    changes = completes if own else Resource("inline policy", f"{role.name}:{policy.name}")
    given = {"policy_name": policy.name, "policy_document": readable(policy.content)}
    return _on_role(role, "put-role-policy", changes, **given)


def remove_policy(role: Role, policy: PermissionsPolicy) -> ShellCommand:
    """Take a policy off a role."""
    if policy.arn:
        changes = Resource("attachment", f"{role.name}:{policy.arn}")
        return _on_role(role, "detach-role-policy", changes, policy_arn=policy.arn)
    changes = put_policy(role, policy).changes
    return _on_role(role, "delete-role-policy", changes, policy_name=policy.name)


def take_back(role: Role, denials: Sequence[tuple[Source, int]]) -> Remedy:
    """Take the statements that deny out of the role's inline policies, and a policy away if nothing
    of it is left.

    A managed policy or a boundary may be another principal's, too: what it denies is its owner's
    decision, and there is no command.
    """
    shared: dict[str, None] = {}
    positions: dict[int, list[int]] = {}
    for source, position in denials:
        if source.kind == "boundary" and isinstance(role.boundary, PermissionsPolicy):
            shared[f"permissions boundary {role.boundary.name}"] = None
        elif source.kind == "identity" and role.known_policies[source.position].arn:
            shared[f"managed policy {role.known_policies[source.position].name}"] = None
        elif source.kind == "identity":
            positions.setdefault(source.position, []).append(position)
    if shared:
        return Remedy(
            f"ask the owner of the {' and '.join(shared)}, which other principals may have, "
            "whether it should deny this"
        )
    commands: list[ShellCommand] = []
    for place, of_it in positions.items():
        policy = role.known_policies[place]
        left = replace(policy, document=without(policy.content, of_it))
        change = put_policy if left.content["Statement"] else remove_policy
        commands.append(change(role, left))
    return Remedy(NARROW, tuple(commands))


def grant(role: Role, name: str, document: Json, *, bounded: bool) -> Remedy:
    """Allow an action that a role's policies do not; ``bounded`` if only its boundary denies it.

    Other principals may have the boundary, too: it is never widened.
    """
    boundary = role.boundary
    if not bounded or not isinstance(boundary, PermissionsPolicy):
        used = {other.name for other in role.known_policies}  # put-role-policy would replace it
        free = (e for e in chain([name], (f"{name}-{n}" for n in count(2))) if e not in used)
        policy = PermissionsPolicy(next(free), document)
        return Remedy("give the role a policy that allows it", (put_policy(role, policy),))
    return Remedy(
        f"ask the owner of the permissions boundary {boundary.name}, which other principals may "
        "have, to allow it, or give the role another boundary"
    )


def replace_trust(role: Role, document: Json) -> ShellCommand:
    """Replace a role's trust policy."""
    policy, changes = readable(document), Resource("role", role.arn)
    return _on_role(role, "update-assume-role-policy", changes, policy_document=policy)


def register_issuer(provider_arn: str, audience: str) -> ShellCommand:
    """Create an OIDC provider."""
    operation, changes = "create-open-id-connect-provider", Resource("OIDC provider", provider_arn)
    url = f"https://{issuer_of_principal(provider_arn)}"
    return aws("iam", operation, changes=changes, url=url, client_id_list=audience)


def register_audience(provider: RegisteredProvider, audience: str) -> ShellCommand:
    """Have an OIDC provider accept an audience, too."""
    operation, arn = "add-client-id-to-open-id-connect-provider", provider.arn
    given = {"open_id_connect_provider_arn": arn, "client_id": audience}
    return aws("iam", operation, changes=Resource("OIDC provider", arn), **given)


def create_role(arn: RoleArn, trust_policy: Json) -> ShellCommand:
    """Create a role under a given ARN, with its path."""
    return aws(
        "iam",
        "create-role",
        changes=Resource("role", str(arn)),
        role_name=arn.name,
        path=arn.path if arn.path != "/" else "",
        assume_role_policy_document=readable(trust_policy),
    )


def replace_bucket_policy(bucket: str, document: Json) -> ShellCommand:
    """Replace a bucket's policy, or delete it if no statement is left."""
    changes = Resource("bucket policy", bucket)
    if not document["Statement"]:
        return aws("s3api", "delete-bucket-policy", changes=changes, bucket=bucket)
    policy = readable(document)
    return aws("s3api", "put-bucket-policy", changes=changes, bucket=bucket, policy=policy)


def for_all_users(facts: Facts, role: Role, remedy: Remedy, *, lifts: bool) -> Remedy:
    """Say who else gains by a change to a role's policies: the callers that its trust policy names.

    Without commands where the policies go by session tags, which tell these callers apart, and
    where the change ``lifts`` what stands in a policy: that is for the other callers, too.
    """
    account_names = (facts.account.subject, facts.name, facts.role_arn)
    others = ", ".join(e for e in named_callers(role.trust_policy) if e not in account_names)
    if remedy.commands and "aws:principaltag/" in json.dumps(documents_of(role)).lower():
        text = f"{remedy.text}, for the service account's aws:PrincipalTag alone"
        return Remedy(f"{text}: role {role.name} goes by session tags (others: {others or 'none'})")
    if not others or not remedy.commands:
        return remedy
    text = f"{remedy.text}; {others} may have role {role.name} as well"
    if lifts:
        return Remedy(f"{text}: ask their owners first")
    return remedy._replace(text=f"{text}, and gain what it gains")


NARROW = "remove or narrow the statement that denies it, if it is not intended"
PRINCIPAL_ARN = "aws:PrincipalArn"
IDENTITY_KEYS = frozenset({"aws:principalarn", "aws:principalaccount", "aws:principaltype"})
"""Condition keys, in lower case, that say who calls and not how; a token's claims do, too."""


def on_claim(statement: Json, claim: str) -> list[Condition]:
    """Return a statement's conditions on ``sub`` or ``aud``, as in the key ``oidc.eks…:sub``."""
    return [e for e in conditions_of(statement) if e.key.lower().rpartition(":")[2] == claim]


def is_about_caller(condition: Condition) -> bool:
    """Return whether a condition asks who calls, and not how."""
    key = condition.key.lower()
    return key in IDENTITY_KEYS or key.rpartition(":")[2] in ("sub", "aud")


def with_conditions(statement: Json, wanted: Sequence[Condition]) -> Json:
    """The statement with these conditions only."""
    block: Json = {}
    for operator, key, values, _ in wanted:
        same: Json = block.setdefault(operator, {})
        same[key] = values[0] if len(values) == 1 else [*values]
    kept = {name: value for name, value in statement.items() if name != "Condition"}
    return {**kept, "Condition": block} if block else kept


def call_conditions(statement: Json) -> list[Condition]:
    """Return the conditions on how a call is made: address, session name or tag."""
    return [condition for condition in conditions_of(statement) if not is_about_caller(condition)]


def with_statement(document: Json, position: int, statement: Json) -> Json:
    """The document with another statement in one place."""
    listed = [s if i != position else statement for i, s in enumerate(statements(document))]
    return {**document, "Statement": listed}


def named_callers(document: Json) -> list[str]:
    """The callers that a trust policy admits by name or pattern, as it spells them."""
    named: list[str] = []
    for statement in statements(document):
        if statement.get("Effect") == "Allow":
            named += principals(statement, "AWS")
            for condition in conditions_of(statement):
                ends = (":sub", f"/{SERVICE_ACCOUNT_TAG}", PRINCIPAL_ARN.lower())
                named += condition.values if condition.key.lower().endswith(ends) else ()
    return list(dict.fromkeys(named))


def orphans(statement: Json) -> list[str]:
    """The unique ids among a statement's principals: IAM shows one when its role is gone."""
    return [each for each in principals(statement, "AWS") if UNIQUE_ID.fullmatch(each)]


def without_orphans(document: Json) -> Json:
    """The document without them: they admit no caller, and IAM stores no document that has one."""
    kept: list[Json] = []
    for statement in statements(document):
        if gone := orphans(statement):
            left = [arn for arn in principals(statement, "AWS") if arn not in gone]
            principal = {**statement["Principal"], "AWS": left[0] if len(left) == 1 else left}
            principal = {kind: named for kind, named in principal.items() if named}
            kept += [{**statement, "Principal": principal}] if principal else []
        else:
            kept.append(statement)
    return {**document, "Statement": kept}


def with_exception(document: Json, positions: Sequence[int], exception: Condition) -> Json | None:
    """Return the document with an exception for one caller in the statements that deny; those about
    that caller alone are removed.

    ``exception`` is a condition that does not hold for the caller. None when a statement has a
    condition that the caller should meet instead.
    """
    listed = statements(document)
    if any(call_conditions(listed[position]) for position in positions):
        return None
    dropped = [position for position in positions if _is_about(listed[position], exception)]
    for position in positions:
        statement = listed[position]
        same = [test for test in conditions_of(statement) if test.text == exception.text]
        others = [test for test in conditions_of(statement) if test.text != exception.text]
        values = (*(value for test in same for value in test.values), *exception.values)
        narrowed = with_conditions(statement, [*others, exception._replace(values=values)])
        document = with_statement(document, position, narrowed)
    return without(document, dropped)


def _is_about(statement: Json, exception: Condition) -> bool:
    """Return whether a statement is about the caller of an exception alone."""
    operator = exception.operator.replace("Not", "")
    alone = operator, exception.key.lower(), exception.values
    principal: Json | str = statement.get("Principal", "*")
    named = principal.values() if isinstance(principal, dict) else [principal]
    return [each for entries in named for each in as_list(entries)] == [*exception.values] or any(
        (each.operator, each.key.lower(), each.values) == alone for each in conditions_of(statement)
    )


def except_role(role_arn: str) -> Condition:
    """The exception for the sessions of a role."""
    return Condition("ArnNotEquals", PRINCIPAL_ARN, (role_arn,))
