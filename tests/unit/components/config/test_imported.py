"""What `irsa import` writes is what the stack's reader and schema take, and what it makes of it."""

import json
import string
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from components.config.account_a import AccountASettings
from components.config.reader import read
from irsa.chain.imports.configuration import ClusterTarget, import_roles
from irsa.chain.imports.same_callers import first_difference
from irsa.chain.imports.trust import read_trust
from irsa.commands.imports import yaml_of
from irsa.identity.canonical import canonical
from irsa.identity.policies import irsa_trust_policy
from irsa.observe.existing_roles import ExistingRole
from tests.support.engine import ACCOUNT_A, ISSUER, PROVIDER_ARN
from tests.support.paths import ROOT
from tests.support.roles_of_others import READ_ONLY

CLUSTER = ClusterTarget(name="dev", region="us-east-1", provider_arn=PROVIDER_ARN)
SCHEMA = Draft7Validator(json.loads((ROOT / "schemas" / "account-a.json").read_text()))
OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")

LABELS = st.sampled_from(["app", "loki", "dev", "web.v2", "0", "a-b", "App", "job-*", "*", "a?c"])
SUBJECTS = st.builds("system:serviceaccount:{}:{}".format, LABELS, LABELS)
IAM_NAMES = st.text(string.ascii_letters + string.digits + "_+=,.@-", min_size=1, max_size=64)
NUMBERS = st.sampled_from(["1e3", "0o17", "012", "yes", "null", "2024-05-14", "1_000", "~"])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def statements(provider: str) -> st.SearchStrategy[Any]:
    """What tools and people write for a cluster, right and wrong."""
    issuer = provider.partition("oidc-provider/")[2]
    operators = st.sampled_from(["StringEquals", "StringLike"])
    audiences = st.sampled_from(["sts.amazonaws.com", ["sts.amazonaws.com"], "vault", "*"])

    def statement(on_sub: str, on_aud: str, subjects: list[str], audience: Any) -> Any:
        sub = subjects[0] if len(subjects) == 1 else subjects
        condition: Any = {on_sub: {f"{issuer}:sub": sub}}
        condition.setdefault(on_aud, {})[f"{issuer}:aud"] = audience
        return {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": ["sts:AssumeRoleWithWebIdentity"],
            "Condition": condition,
        }

    listed = st.lists(SUBJECTS, min_size=1, max_size=3, unique=True)
    return st.builds(statement, operators, operators, listed, audiences)


ANY_STATEMENT = statements(PROVIDER_ARN) | statements(OTHER)
POLICIES = st.dictionaries(
    st.sampled_from([READ_ONLY, f"arn:aws:iam::{ACCOUNT_A}:policy/x/bucket"]),
    st.sampled_from(["", "bucket", "assume-role-b", "read"]),
)
ROLES = st.builds(
    lambda name, listed, **more: ExistingRole(
        arn=f"arn:aws:iam::{ACCOUNT_A}:role/{name}",
        trust_policy={"Version": "2012-10-17", "Statement": listed},
        **more,
    ),
    IAM_NAMES,
    st.lists(ANY_STATEMENT, min_size=1, max_size=3),
    description=TEXTS,
    max_session_duration=st.sampled_from([3600, 7200, 43200]),
    tags=st.dictionaries(TEXTS.filter(bool), TEXTS | NUMBERS, max_size=2),
    attached=POLICIES,
)


def as_the_stack_reads(text: str) -> AccountASettings:
    """What the program gets from a settings file, by way of the Pulumi CLI."""
    config = yaml.safe_load(text)["config"]
    values = {
        key.removeprefix("irsa:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
        if key.startswith("irsa:")
    }
    return read(AccountASettings, values, "irsa:", region=config["aws:region"])


@settings(deadline=None, max_examples=60)
@given(st.lists(ROLES, max_size=3, unique_by=lambda role: role.name.lower()))
def test_every_role_that_is_taken_is_the_same_role_for_the_stack(roles):
    imported = import_roles(roles, CLUSTER)
    text = yaml_of(imported)

    assert list(SCHEMA.iter_errors(yaml.safe_load(text))) == []
    account = as_the_stack_reads(text)
    assert len(account.roles) == len(imported.taken)
    for taken, entry in zip(imported.taken, account.roles, strict=True):
        role, options = taken.role, entry.role
        assert (options.name, options.imported) == (role.name, True)
        assert (options.description or "", options.tags) == (role.description, role.tags)
        assert options.max_session_duration == role.max_session_duration
        assert sorted(options.policy_arns.values()) == sorted(role.attached)
        written = irsa_trust_policy(
            [PROVIDER_ARN, *options.provider_arns], entry.subjects, audience=entry.audience
        )
        trusted = read_trust(role.trust_policy)
        assert first_difference(role.arn, role.trust_policy, written, trusted) is None
        same = canonical(written) == canonical(role.trust_policy)
        assert taken.rewritten is not same


@pytest.mark.parametrize(
    "subject", ["system:serviceaccount:dev:app", "system:serviceaccount:dev:job-*"]
)
def test_a_role_of_each_kind_is_taken(subject):
    """So that the test above is not about nothing."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER_ARN},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringLike": {f"{ISSUER}:sub": subject},
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
        },
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    role = ExistingRole(arn=f"arn:aws:iam::{ACCOUNT_A}:role/app", trust_policy=document)

    [entry] = as_the_stack_reads(yaml_of(import_roles([role], CLUSTER))).roles

    assert [each.subject for each in entry.subjects] == [subject]


def test_the_first_line_names_the_schema():
    assert yaml_of(import_roles([], CLUSTER)).startswith(
        "# yaml-language-server: $schema=schemas/account-a.json\nconfig:\n"
    )
