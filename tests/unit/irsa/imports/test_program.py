"""The printed programs: what Python registers, what Pulumi YAML says, and how both are written."""

import json
import re
import string
import subprocess
import sys
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.package.provider import IrsaProvider
from irsa.access import trusts_service_account
from irsa.decide.verdict import Verdict
from irsa.identity.canonical import canonical
from irsa.imports.program import python_program, yaml_program
from irsa.imports.roles import Imported, import_roles
from irsa.observe.existing_roles import ExistingRole
from irsa.observe.facts import Role, ServiceAccount
from tests.support.engine import ACCOUNT_A, ISSUER_URL, PROVIDER_ARN, REGION, Engine, deploy
from tests.support.roles_of_others import READ_ONLY, terraform_trust

OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
ROLE = "aws:iam/role:Role"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def role(name: str, *accounts: str, **more: Any) -> ExistingRole:
    trust = terraform_trust(PROVIDER_ARN, *accounts)
    return ExistingRole(arn=f"arn:aws:iam::{ACCOUNT_A}:role/{name}", trust_policy=trust, **more)


def imported(*roles: ExistingRole) -> Imported:
    return import_roles(roles, PROVIDER_ARN, REGION)


def deployed(found: Imported) -> Engine:
    """The registrations of the printed program."""
    program = compile(python_program(found), "__main__.py", "exec")
    return deploy(lambda: exec(program, {"__name__": "__main__"}))  # noqa: S102


LOKI = role(
    "loki-2024",
    "logs/loki",
    attached={READ_ONLY: "reader"},
    description='Grafana\'s "loki" in ${cluster}',
    tags={"team": "observability", "cost": "1e3"},
)
PYTHON = f'''\
"""IAM roles for service accounts. They existed before; the first `pulumi up` imports them."""

import pulumi_aws as aws
from pulumi import ResourceOptions

from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs

PROVIDER_ARN = "{PROVIDER_ARN}"

account = aws.Provider("account", region="us-east-1", allowed_account_ids=["{ACCOUNT_A}"])
in_account = ResourceOptions(providers=[account])

ServiceAccountRole(
    "loki",
    ServiceAccountRoleArgs(
        role_name="loki-2024",
        provider_arns=[PROVIDER_ARN],
        subjects=["logs/loki"],
        policy_arns={{"reader": "{READ_ONLY}"}},
        description='Grafana\\'s "loki" in ${{cluster}}',
        tags={{"cost": "1e3", "team": "observability"}},
        imported=True,
    ),
    in_account,
)
'''
YAML = f"""\
name: imported-roles
runtime: yaml
config:
  aws:region:
    value: us-east-1
  aws:allowedAccountIds:
    value:
    - "{ACCOUNT_A}"
resources:
  loki:
    type: irsa:ServiceAccountRole
    properties:
      roleName: loki-2024
      providerArns:
      - {PROVIDER_ARN}
      subjects:
      - logs/loki
      policyArns:
        reader: {READ_ONLY}
      description: "Grafana's \\"loki\\" in $${{cluster}}"
      tags:
        cost: "1e3"
        team: observability
      imported: true
"""


def test_a_role_in_python_and_in_pulumi_yaml():
    assert python_program(imported(LOKI)) == PYTHON
    assert yaml_program(imported(LOKI)) == YAML


def test_the_python_program_imports_the_role_and_its_policies():
    engine = deployed(imported(LOKI))

    provider = engine.one("pulumi:providers:aws").inputs
    assert (provider["region"], json.loads(provider["allowedAccountIds"])) == (REGION, [ACCOUNT_A])
    registered = engine.one(ROLE)
    assert engine.options(ROLE, registered.name).importId == "loki-2024"
    assert engine.options(ATTACHMENT, "loki-2024-reader").importId == f"loki-2024/{READ_ONLY}"
    provider_reference = engine.options(ROLE, registered.name).provider
    assert provider_reference.endswith("$pulumi:providers:aws::account::account-id")


MANY = [
    role("app", *(f"dev/service-account-{number}" for number in range(9))),
    role("jobs", "ops/jobs", tags={f"tag-{n}": "x" * 30 for n in range(4)}),
    role("quoted", "dev/q", description='both \' and " and " \\ \n é'),
    role("single", "dev/s", description='only " here'),
    role("web", "dev/web", attached=dict.fromkeys([READ_ONLY, f"{READ_ONLY}2"], "")),
]


def test_the_python_program_is_formatted_as_ruff_formats():
    text = python_program(imported(*MANY))

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=100", "-"],
        input=text, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == text


LABELS = st.sampled_from(["app", "loki", "dev", "web.v2", "0", "a-b", "App", "job-*", "*", "a?c"])
IAM_NAMES = st.text(string.ascii_letters + string.digits + "_+=,.@-", min_size=1, max_size=64)
NUMBERS = st.sampled_from(["1e3", "0o17", "012", "yes", "null", "2024-05-14", "1_000", "~", "${x}"])
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
SUBJECTS = st.builds("system:serviceaccount:{}:{}".format, LABELS, LABELS)


def statement(
    provider: str, on_sub: str, on_aud: str, subjects: list[str], audience: str
) -> dict[str, Any]:
    """A statement of another tool for a cluster, perhaps one that matches no caller."""
    issuer = provider.partition("oidc-provider/")[2]
    condition: dict[str, Any] = {on_sub: {f"{issuer}:sub": subjects}}
    condition.setdefault(on_aud, {})[f"{issuer}:aud"] = audience
    return terraform_trust(provider, "a/b")["Statement"][0] | {"Condition": condition}


OPERATORS = st.sampled_from(["StringEquals", "StringLike"])
STATEMENTS = st.builds(
    statement,
    st.sampled_from([PROVIDER_ARN, OTHER]),
    OPERATORS,
    OPERATORS,
    st.lists(SUBJECTS, min_size=1, max_size=3, unique=True),
    st.sampled_from(["sts.amazonaws.com", "vault", "*"]),
)
ROLES = st.builds(
    lambda name, listed, **more: ExistingRole(
        arn=f"arn:aws:iam::{ACCOUNT_A}:role/{name}",
        trust_policy={"Version": "2012-10-17", "Statement": listed},
        **more,
    ),
    IAM_NAMES,
    st.lists(STATEMENTS, min_size=1, max_size=3),
    description=TEXTS,
    max_session_duration=st.sampled_from([3600, 7200, 43200]),
    tags=st.dictionaries(TEXTS.filter(bool), TEXTS | NUMBERS, max_size=2),
    attached=st.dictionaries(
        st.sampled_from([READ_ONLY, f"arn:aws:iam::{ACCOUNT_A}:policy/x/bucket"]),
        st.sampled_from(["", "bucket", "read"]),
    ),
)


SCHEMA = json.loads(IrsaProvider().schema or "")["resources"]["irsa:index:ServiceAccountRole"]
NAMES = {key: re.sub("([A-Z])", r"_\1", key).lower() for key in SCHEMA["inputProperties"]}


@settings(deadline=None, max_examples=25)
@given(st.lists(ROLES, max_size=3, unique_by=lambda role: role.name.lower()))
def test_both_programs_have_every_role_as_it_is(roles):
    found = imported(*roles)
    engine = deployed(found)

    in_yaml = yaml.safe_load(yaml_program(found))["resources"]
    registered = {each.inputs["name"]: each.inputs for each in engine.of(ROLE)}
    assert len(registered) == len(found.taken)
    for taken in found.taken:
        before, after = taken.role, registered[taken.role.name]
        assert before.description in ("", after["description"])
        assert after["maxSessionDuration"] == before.max_session_duration
        assert (after.get("tags") or {}) == before.tags
        attached = [a for a in engine.of(ATTACHMENT) if a.inputs["role"] == before.name]
        assert {each.inputs["policyArn"] for each in attached} == set(before.attached)
        written = json.loads(after["assumeRolePolicy"])
        assert (canonical(written) == canonical(before.trust_policy)) == (
            taken.trust_policy == "unchanged"
        )
        assert verdicts(written) == verdicts(before.trust_policy)
        properties = in_yaml[taken.name]["properties"]
        text = json.dumps({NAMES[key]: value for key, value in properties.items()})
        assert json.loads(text.replace("$${", "${")) == taken.arguments


def verdicts(trust_policy: Any) -> list[Verdict]:
    """The evaluator's answers for the service accounts of a policy, and for similar ones."""
    names = ["app", "loki", "dev", "web.v2", "0", "a-b", "job-1", "job-", "abc", "ac", "app-2"]
    return [
        trusts_service_account(
            Role(f"arn:aws:iam::{ACCOUNT_A}:role/app", "", trust_policy),
            ServiceAccount(namespace, name, {"eks.amazonaws.com/audience": audience}),
            issuer_url=issuer,
            session_name="import",
            now=1_700_000_000.0,
        ).verdict
        for issuer in (ISSUER_URL, ISSUER_URL.replace("us-east-1", "eu-west-1"))
        for audience in ("sts.amazonaws.com", "vault", "other")
        for namespace in ("dev", "app", "0", "kube-system")
        for name in names
    ]
