"""The state of a stack: its sources, what the stack owns, and the chains of its components."""

import json
from dataclasses import replace

import pytest

from irsa.__main__ import main
from irsa.commands.chain_options import questions
from irsa.commands.cli import parser
from irsa.observe.errors import CollectError
from irsa.observe.files import read_stack
from irsa.observe.stack_chains import Resource, Stack, StackChain, chains_of, stack_of
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT
from tests.support.processes import program
from tests.support.refusal import refusal
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN, ROLE_A_ARN, ROLE_B_ARN

POLICY = "arn:aws:iam::111122223333:policy/read"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
METADATA = {"metadata": {"namespace": "dev", "name": "s3-app"}}
TARGETS = [
    {"role_arn": ROLE_B_ARN, "profile": "B", "external_id": "t-42"},
    {"role_arn": f"{ROLE_B_ARN}-2", "profile": "C", "external_id": None},
]
NO_ROLE = "the state has no role_arn of it; run `pulumi up`"
HIDDEN = "its role_arn is a secret; give `pulumi stack export --show-secrets`"
NOT_A_STATE = (
    "this is not the state of a stack; give the output of `pulumi stack export`, or the name of "
    "the stack"
)
NO_COMPONENTS = (
    "the stack has no Workload, ServiceAccountRole or PodIdentityAssociation of the irsa "
    "components; name the stack of a program that uses them, after `pulumi up`"
)
ALL = "s3-app (dev/s3-app), app (dev/app), app (ops/app), key (it has an access key and no role)"


def resource(kind, name="x", parent="stack", **fields):
    outputs = fields.pop("outputs", {})
    urn = f"urn:pulumi:dev::shop::{kind}::{name}"
    return {"urn": urn, "type": kind, "parent": parent, "outputs": outputs, **fields}


def component(kind, name="x", **outputs):
    return resource(f"irsa:index:{kind}", name, outputs=outputs)


def workload(name="s3-app", **outputs):
    account = {"namespace": "dev", "service_account_name": name, "role_arn": ROLE_A_ARN}
    return component("Workload", name, **{**account, "deployment_name": f"{name}-pods", **outputs})


def role(name="s3-app", *accounts, **outputs):
    subjects = [f"system:serviceaccount:{each}" for each in accounts or ["dev:s3-app"]]
    found = {"role_arn": ROLE_A_ARN, "subjects": subjects, "role_b_arns": []}
    return component("ServiceAccountRole", name, **{**found, **outputs})


def association(name="s3-app", **outputs):
    account = {"namespace": "dev", "service_account_name": name, "cluster_arn": CLUSTER_ARN}
    roles = {"role_arn": ROLE_A_ARN, "target_role_arn": ROLE_B_ARN, "association_id": "a-1"}
    return component("PodIdentityAssociation", name, **{**account, **roles, **outputs})


def state(*resources):
    stack = resource("pulumi:pulumi:Stack", "shop-dev")
    return {"version": 3, "deployment": {"resources": [stack, *resources]}}


def chain(name="s3-app", **fields):
    names = {"component": name, "name": name, "deployment": f"{name}-pods"}
    return StackChain(**names, namespace="dev", expected_role=ROLE_A_ARN, **fields)


def test_a_state_names_the_stack_and_what_it_owns():
    attachment = {"role": "s3-app-A", "policyArn": POLICY}
    associated = {"clusterName": "dev", "namespace": "dev", "serviceAccount": "s3-app"}
    export = state(
        resource("aws:iam/role:Role", outputs={"arn": ROLE_A_ARN}),
        resource("aws:iam/role:Role", outputs={"arn": f"{ROLE_A_ARN}-read"}, external=True),
        resource("aws:iam/role:Role", outputs={"arn": f"{ROLE_A_ARN}-old"}, delete=True),
        resource(OIDC_PROVIDER, outputs={"arn": PROVIDER_ARN}),
        resource("aws:s3/bucket:Bucket", id="bucket"),
        resource("kubernetes:core/v1:ServiceAccountPatch", outputs=METADATA),
        resource("kubernetes:apps/v1:Deployment", outputs=METADATA),
        resource(ATTACHMENT, outputs=attachment),
        resource("aws:eks/podIdentityAssociation:PodIdentityAssociation", outputs=associated),
        resource("aws:eks/addon:Addon", outputs={"clusterName": "dev", "addonName": "agent"}),
    )
    names = {"association": "dev:dev/s3-app", "add-on": "dev:agent", "role": ROLE_A_ARN}
    names |= {"OIDC provider": PROVIDER_ARN, "bucket": "bucket", "annotation": "dev/s3-app"}
    names |= {"deployment": "dev/s3-app", "attachment": f"s3-app-A:{POLICY}"}
    owned = {Resource(kind, name) for kind, name in names.items()}
    file = {"checkpoint": {"stack": "organization/shop/dev", "latest": export["deployment"]}}

    assert stack_of(export) == Stack("dev", frozenset(owned))
    assert stack_of(file) == Stack("organization/shop/dev", frozenset(owned))
    assert stack_of(export, "me/shop/prod").name == "me/shop/prod"


IDENTITY = {**workload(deployment_name=None), "type": "irsa:index:WorkloadIdentity"}
ASSOCIATED = {"association_id": "a-1", "role_arn": None}
OF_ASSOCIATION = chain(association_id="a-1", expected_target=ROLE_B_ARN)
SUBJECTS = ("logs:loki", "logs:loki-*", "ops:loki")
ALONE = role("loki", *SUBJECTS, role_b_arns=[each["role_arn"] for each in TARGETS])


def to_targets(**fields):
    first = chain(role_b_arn=ROLE_B_ARN, profile="B", external_id="t-42", **fields)
    return [first, chain(role_b_arn=f"{ROLE_B_ARN}-2", profile="C", **fields)]


@pytest.mark.cases(("resources", "chains"), {
    "workload, whose role is no second chain": ([workload(), role()], [chain()]),
    "identity without Pods": ([IDENTITY, role()], [replace(chain(), deployment="")]),
    "workload by IRSA, each target": ([workload(targets=TARGETS)], to_targets()),
    "workload by association, each target":
        ([workload(targets=TARGETS, **ASSOCIATED), association(target_role_arn=None)],
            to_targets(association_id="a-1")),
    "workload and its association": ([workload(**ASSOCIATED), association("one"), role()],
        [OF_ASSOCIATION]),
    "workload whose association is missing": ([workload(**ASSOCIATED)],
        [replace(chain(association_id="a-1"), expected_role="")]),
    "association alone": ([association()], [replace(OF_ASSOCIATION, deployment="")]),
    "role alone, each exact subject": ([ALONE],
        [replace(chain("loki"), namespace=namespace, deployment="", role_b_arn=each["role_arn"])
            for namespace in ("logs", "ops") for each in TARGETS]),
})  # fmt: skip
def test_the_chains_of_components(resources, chains):
    assert chains_of(state(*resources)) == (chains, [])


@pytest.mark.cases("bucket", {"one bucket": "acme-data", "any bucket": ""})
def test_the_stack_s_policies_are_the_questions_of_their_role(bucket):
    arn = f"arn:aws:s3:::{bucket}"
    resource_arns = [f"{arn}/*", arn] if bucket else ["*"]
    listing = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": resource_arns}
    document = {"Statement": [listing]}
    name = ROLE_A_ARN.rpartition("/")[2]
    resources = [
        resource("aws:iam/role:Role", "r", outputs={"arn": ROLE_A_ARN, "name": name}),
        resource("aws:iam/policy:Policy", "p", outputs={"arn": POLICY, "policy": document}),
        resource(ATTACHMENT, "a", outputs={"policyArn": POLICY, "role": name}),
    ]
    chains, _ = chains_of(state(workload(), role(), *resources))
    assert chains == [chain(bucket=bucket, stack_policies=(document,))]


@pytest.mark.cases(("found", "reason"), {
    "access key": (workload("key", role_arn=None), "it has an access key and no role"),
    "no namespace": (workload("key", namespace=None),
        "the state has no namespace of it; run `pulumi up`"),
    "role not known yet": (workload("key", role_arn=UNKNOWN_OUTPUT), NO_ROLE),
    "role encrypted": (workload("key", role_arn={**SECRET, "ciphertext": "v1:x"}), HIDDEN),
    "association, role not known yet": (association("key", role_arn=UNKNOWN_OUTPUT), NO_ROLE),
    "patterns alone": (role("key", "dev:job-*"),
        "it trusts patterns only (system:serviceaccount:dev:job-*)"),
    "no subjects": (role("key", subjects=None), "the state has no subjects of it; run `pulumi up`"),
    "no role": (role("key", role_arn=None), NO_ROLE),
})  # fmt: skip
def test_a_component_without_a_chain_is_skipped_with_the_reason(found, reason):
    assert chains_of(state(found)) == ([], [("key", reason)])


def test_secrets_that_were_exported_in_plain_are_read():
    def plain(value):
        return {**SECRET, "plaintext": json.dumps(value)}

    hidden = workload(role_arn=plain(ROLE_A_ARN), targets=plain(TARGETS))
    assert [each.external_id for each in chains_of(state(hidden))[0]] == ["t-42", ""]
    subjects = plain(["system:serviceaccount:dev:s3-app"])
    assert len(chains_of(state(role(subjects=subjects)))[0]) == 1


@pytest.mark.cases(("document", "problem"), {
    "empty": ({}, NOT_A_STATE),
    "outputs": ({"workloads": {"app": {"role_arn": ROLE_A_ARN}}}, NOT_A_STATE),
    "preview": ({"steps": []}, NOT_A_STATE),
    "number": ({"deployment": 1}, NOT_A_STATE),
    "null": ({"checkpoint": None}, NOT_A_STATE),
    "no components": (state(component("DataBucket"), workload() | {"delete": True}), NO_COMPONENTS),
})  # fmt: skip
def test_another_document_is_refused_with_the_way_out(document, problem, tmp_path, capsys):
    file = tmp_path / "stack"
    file.write_text(json.dumps(document))
    assert main(["verify", "--stack", str(file)]) == 2
    assert capsys.readouterr().err == f"irsa verify: --stack {file}: {problem}\n"


@pytest.fixture
def chosen(tmp_path):
    """The questions that options choose from a stack of several workloads, and what is left out."""
    twice = role("app", "dev:app", "ops:app", role_arn=f"{ROLE_A_ARN}-2")
    key = workload("key", role_arn=None)

    def choose(options, *resources):
        file = tmp_path / "stack"
        file.write_text(json.dumps(state(*resources or (workload(), twice, key))))
        return questions(parser("verify").parse_args(["--stack", str(file), *options.split()]))

    return choose


@pytest.mark.parametrize(
    ("options", "accounts"),
    [
        ("", ["dev/s3-app", "dev/app", "ops/app"]),
        ("--workload s3-app", ["dev/s3-app"]),
        ("--workload app", ["dev/app", "ops/app"]),
        ("--workload app --namespace ops", ["ops/app"]),
        ("--service-account app --namespace dev", ["dev/app"]),
        ("ops/app", ["ops/app"]),
    ],
)
def test_chains_are_chosen_by_logical_name_and_service_account(chosen, options, accounts):
    questions, left = chosen(options)
    assert [f"{each.namespace}/{each.name}" for each in questions] == accounts
    skipped = [] if "--workload" in options else ["skipped: key, it has an access key and no role"]
    assert left == skipped


def test_targets_are_chosen_by_profile_or_role_and_associations_expected(chosen):
    for options, profiles in (("", "BC"), ("--profile C", "C"), (f"--role-b {ROLE_B_ARN}-2", "C")):
        found, _ = chosen(options, workload(targets=TARGETS))
        assert [each.profile for each in found] == [*profiles], options
    [question], _ = chosen("", association())
    assert (question.expects_association, question.expected_role) == (True, ROLE_A_ARN)
    assert (question.expected_target, question.role_b_arn) == (ROLE_B_ARN, "")


@pytest.mark.parametrize("option", ["--workload web", "--workload key", "--profile D"])
def test_a_choice_that_fits_none_says_which_exist(chosen, option):
    of_one = [workload(targets=TARGETS[:1])] if option == "--profile D" else []
    with pytest.raises(Exception, match=f"no chain of {option.split()[1]}; ") as raised:
        chosen(option, *of_one)
    existing = "s3-app (dev/s3-app, profile B)" if of_one else ALL
    assert str(raised.value).endswith(f"the stack has {existing}")


def test_without_the_pulumi_cli_one_line_says_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal(read_stack, "dev", raised=CollectError) == (
        "--stack dev: there is no file of that name, and the Pulumi CLI, which knows stacks, is "
        "not on PATH; install it (https://www.pulumi.com/docs/install/), or give a file that "
        "`pulumi stack export` wrote"
    )


def test_a_stack_is_exported_by_the_cli_unless_a_file_has_its_name(monkeypatch, tmp_path):
    program(tmp_path / "pulumi", r'echo "{\"asked\": \"$*\"}"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.chdir(tmp_path)
    assert read_stack("dev") == {"asked": "stack export --stack dev"}
    (tmp_path / "dev").write_text(json.dumps({"workloads": {}}))
    assert read_stack("dev") == {"workloads": {}}
