"""Roles and users of IAM: trust policies, permissions, and when ARNs and keys are known."""

import json
from functools import partial

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import Output

import irsa_components as irsa
from irsa_core.identity import pod_identity, policies
from irsa_core.identity.subjects import service_account_pattern, service_account_ref
from tests.support.engine import Engine, create, deploy, secret
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN
from tests.support.world import ROLE_A_ARN as ROLE_A
from tests.support.world import ROLE_B_ARN as ROLE_B

APP = service_account_ref("dev", "s3-app")
POLICY = "arn:aws:iam::111122223333:policy/s3-app"
ARGS = {"role_name": "s3-app", "provider_arns": [PROVIDER_ARN], "subjects": ["dev/s3-app"]}
TRUSTED = irsa.TrustedRoleArgs(role_arn=ROLE_A, unique_id="AROAEXAMPLE1")
ARGS_B = {"role_name": "s3-app-B", "trusted_roles": [TRUSTED]}
ORDERS = "arn:aws:sqs:us-east-1:111122223333:orders"
SEND = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": ORDERS}
QUEUE = {"Version": "2012-10-17", "Statement": [SEND]}
USER = {"user_name": "s3-manager", "policy_arns": {"bucket": POLICY}}
role = partial(create, "ServiceAccountRole", "s3-app", **ARGS)
role_b = partial(create, "CrossAccountRole", "s3-app", **ARGS_B)
user = partial(create, "AccessKeyUser", "s3-app", **USER)


def used(kind: str, *attributes: str, **given) -> Engine:
    """Deploy a component, and a parameter of which some attributes are inputs."""

    def program() -> None:
        made = getattr(irsa, kind)("s3-app", getattr(irsa, f"{kind}Args")(**given))
        values = (getattr(made, attribute) for attribute in attributes)
        inputs = dict(zip(("description", "data_type"), values, strict=False))
        aws.ssm.Parameter("uses-it", type="String", **inputs)

    return deploy(program)


def trust_of(engine: Engine) -> dict:
    return json.loads(engine.one("Role").inputs["assumeRolePolicy"])


def test_the_role_trusts_the_subjects_clusters_and_audience_given():
    both = [PROVIDER_ARN, PROVIDER_ARN.replace("us-east-1", "eu-west-1")]
    given = {"subjects": ["dev/job-*", "dev/s3-app"], "audience": "vault"}
    accounts = [APP, service_account_pattern("dev", "job-*")]
    trust = policies.irsa_trust_policy(both, accounts, audience="vault")
    assert trust_of(role()) == policies.irsa_trust_policy([PROVIDER_ARN], [APP])
    assert trust_of(role(provider_arns=both, **given)) == trust
    further = policies.principal_arn_trust_policy([ROLE_A])["Statement"]
    assert trust_of(role(further_statements=further))["Statement"][1:] == further


@pytest.mark.cases(("deployed", "name", "description"), {
    "role A": (role, "s3-app", "IRSA for dev"),
    "role B": (role_b, "s3-app-B", "Assumed from another account by role chaining"),
})  # fmt: skip
def test_a_role_has_the_given_name_path_boundary_and_duration(deployed, name, description):
    given = {"path": "/team/", "permissions_boundary": POLICY, "max_session_duration": 7200}
    inputs = deployed(**given).one("Role").inputs
    del inputs["assumeRolePolicy"]
    limits = {"permissionsBoundary": POLICY, "maxSessionDuration": 7200}
    assert inputs == {"name": name, "path": "/team/", "description": description, **limits}


def test_the_outputs_name_the_trusted_subjects_and_the_audience():
    subjects = ["dev/s3-app", "dev/job-*"]
    engine = role(path="/team/", subjects=subjects, audience="vault", role_b_arns=[ROLE_B])

    assert engine.outputs("ServiceAccountRole") == {
        "role_arn": "arn:aws:iam::111122223333:role/team/s3-app",
        "role_name": "s3-app",
        "role_unique_id": "AROATEAMS3APP",
        "subjects": ["system:serviceaccount:dev:s3-app", "system:serviceaccount:dev:job-*"],
        "audience": "vault",
        "role_b_arns": [ROLE_B],
    }


@pytest.mark.cases(("kind", "inputs"), {
    "role A": ("ServiceAccountRole", ARGS),
    "role B": ("CrossAccountRole", ARGS_B),
})  # fmt: skip
def test_each_policy_is_attached_under_its_name_and_the_arn_waits_for_them(kind, inputs):
    name, arns = inputs["role_name"], {"bucket": POLICY, "logs": "arn:aws:iam::aws:policy/Logs"}
    engine = used(kind, "role_arn", **inputs, policy_arns=arns)

    assert {child.name: child.inputs for child in engine.of("RolePolicyAttachment")} == {
        f"{name}-{key}": {"role": name, "policyArn": arn} for key, arn in arns.items()
    }
    assert engine.waits_for("Parameter", "RolePolicyAttachment")
    assert engine.one("Parameter").inputs["description"] == f"arn:aws:iam::111122223333:role/{name}"


def test_an_imported_role_is_imported_by_name_with_its_policies():
    own = Output.from_input(POLICY)  # one that the stack makes
    engine = Engine(role_tags={"s3-app": {"team": "shop"}})
    given = {"policy_arns": {"logs": POLICY, "bucket": own}, "policies": {"queue": QUEUE}}
    role(engine, path="/team/", imported=True, **given)

    assert engine.options("Role", "team/s3-app").importId == "s3-app"
    assert engine.options("RolePolicyAttachment", "team/s3-app-logs").importId == f"s3-app/{POLICY}"
    assert engine.options("RolePolicyAttachment", "team/s3-app-bucket").importId == ""
    assert engine.options("RolePolicy", "team/s3-app-queue").importId == "s3-app:queue"


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("prod", "'s3-app' belongs to stack 'prod' of project 'irsa'"),
        ("dev", "'s3-app' is of this stack; remove `imported` after its first `up`, or take the"),
    ],
)
def test_a_role_of_a_stack_is_not_imported(stack, said):
    engine = Engine(role_tags={"s3-app": {"project": "irsa", "stack": stack}})

    with pytest.raises(pulumi.RunError, match=said):
        role(engine, imported=True)
    assert engine.of("Role") == []


def test_an_exclusive_role_keeps_no_policy_that_others_gave_it():
    assert not role(policy_arns={"logs": POLICY}).of("RolePolicyAttachmentsExclusive")

    inputs = {"policy_arns": {"logs": POLICY}, "policies": {"queue": QUEUE}}
    engine = role(exclusive=True, role_b_arns=[ROLE_B], **inputs)

    assert engine.one("RolePolicyAttachmentsExclusive").inputs == {
        "roleName": "s3-app",
        "policyArns": [POLICY, "arn:aws:iam::111122223333:policy/s3-app-assume-role"],
    }
    inline = engine.one("RolePoliciesExclusive")
    assert inline.inputs == {"roleName": "s3-app", "policyNames": ["queue"]}
    assert engine.waits_for("RolePolicyAttachmentsExclusive", "RolePolicyAttachment")


def test_a_role_for_a_whole_namespace_logs_a_warning():
    (line,) = role(subjects=["dev/*"], allow_whole_namespace=True).logged
    assert line == (
        "warning: role 's3-app' trusts every service account of namespace 'dev': any user who may "
        "create a pod there gets its permissions"
    )
    assert role(subjects=["dev/job-*", "dev/s3-app"]).logged == []


def test_a_role_may_only_assume_role_b_and_with_pod_identity_tag_it():
    policy = role(role_b_arns=[ROLE_B]).one("Policy").inputs
    assert policy["name"] == "s3-app-assume-role"
    [statement] = json.loads(policy["policy"])["Statement"]
    assert statement == {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE_B}

    engine = role(provider_arns=[], cluster_arns=[CLUSTER_ARN], role_b_arns=[ROLE_B])

    assert trust_of(engine) == pod_identity.pod_identity_trust_policy([CLUSTER_ARN], [APP])
    assert engine.one("Role").inputs["description"] == "EKS Pod Identity for dev"
    (line,) = role(provider_arns=[], cluster_arns=[CLUSTER_ARN], disable_session_tags=True).logged
    assert "the association alone decides" in line
    [statement] = json.loads(engine.one("Policy").inputs["policy"])["Statement"]
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_a_role_can_serve_both_mechanisms():
    engine = role(cluster_arns=[Output.from_input(CLUSTER_ARN)])

    principals = [{"Federated": PROVIDER_ARN}, {"Service": "pods.eks.amazonaws.com"}]
    assert [each["Principal"] for each in trust_of(engine)["Statement"]] == principals
    assert engine.one("Role").inputs["description"] == "IRSA and EKS Pod Identity for dev"
    # STS accepts no token of a provider in another account, nor EKS a role of one.
    with pytest.raises(pulumi.RunError, match=r"are in different accounts, and a role trusts"):
        role(cluster_arns=[CLUSTER_ARN.replace("111122223333", "444455556666")])


@pytest.mark.cases("form", {"no external id": None, "text": str, "output": Output.from_input})
def test_role_b_trusts_roles_by_unique_id_or_by_principal_arn(form):
    ids = [(ROLE_A, "AROAONE"), (ROLE_B, "AROATWO")]
    given, more = ({"external_id": made("tenant-42")} if form else {} for made in (form, str))
    roles = [irsa.TrustedRoleArgs(role_arn=arn, unique_id=unique) for arn, unique in ids]
    by_id = policies.role_trust_policy([policies.TrustedRole(*each) for each in ids], **more)
    assert trust_of(role_b(trusted_roles=roles[::-1], **given)) == by_id
    by_arn = policies.principal_arn_trust_policy([ROLE_A, ROLE_B], **more)
    assert trust_of(role_b(trusted_roles=roles, trust="principal-arn", **given)) == by_arn


def targeting(namespace: str, *, disabled: bool = False) -> irsa.TargetingAssociationArgs:
    """Return an association that does not exist yet, with role B as its target."""
    account = irsa.ServiceAccount(namespace=namespace, name="s3-app")
    own = {"service_account": account, "role_arn": ROLE_A, "disable_session_tags": disabled}
    return irsa.TargetingAssociationArgs(cluster_arn=CLUSTER_ARN, **own)


@pytest.mark.cases("disabled", {"with tags": False, "tags disabled": True})
def test_a_target_role_trusts_an_association_that_does_not_exist_yet(disabled):
    given = [targeting("dev", disabled=disabled)]
    targeted = pod_identity.TargetedBy(ROLE_A, CLUSTER_ARN, APP, disabled)

    trust = trust_of(role_b(trusted_roles=[], associations=given))
    assert trust == pod_identity.target_role_trust_policy([targeted])


MANY = [f"dev/service-account-number-{n:03}" for n in range(60)]
TARGETS = [f"arn:aws:iam::444455556666:role/{'x' * 40}{n:03}" for n in range(80)]
TEAMS = {"trusted_roles": [], "associations": [targeting(f"team-{n}") for n in range(3)]}


@pytest.mark.cases(("deployed", "given", "said"), {
    "trust": (role, {"subjects": MANY},
        "role 's3-app': the trust policy has .* the quota is 2048: trust"),
    "permissions": (role, {"role_b_arns": TARGETS}, "characters; IAM accepts 6144"),
    "role B's trust": (role_b, TEAMS, "role 's3-app-B': .* characters; IAM accepts 2048"),
})  # fmt: skip
def test_a_policy_above_its_quota_is_refused_before_iam(deployed, given, said):
    with pytest.raises(pulumi.RunError, match=said):
        deployed(**given)
    assert role(subjects=MANY, trust_policy_quota=4096).one("Role")


def test_the_user_has_a_policy_and_a_secret_key_of_a_version_that_waits():
    """Pulumi deletes resources that left the program last: during the `up` of another version both
    keys work, and a replacement could delete first."""
    inputs = {**USER, "path": "/debug/", "key_version": 20261129}  # a number, or a date
    engine = used("AccessKeyUser", "access_key_id", "secret_access_key", **inputs)

    assert engine.one("User").inputs == {"name": "s3-manager", "path": "/debug/"}
    assert engine.one("UserPolicyAttachment").inputs == {"user": "s3-manager", "policyArn": POLICY}
    assert engine.one("AccessKey").inputs == {"user": "s3-manager"}
    outputs = {"access_key_id": "debug/s3-manager-v20261129-id", "user_name": "s3-manager"}
    assert engine.outputs("AccessKeyUser") == outputs
    uses = {"description": outputs["access_key_id"], "type": "String"}
    uses["dataType"] = secret("debug/s3-manager-v20261129-secret")
    assert engine.one("Parameter").inputs == uses
    assert engine.waits_for("Parameter", "UserPolicyAttachment")


def test_the_preview_says_why_not_to():
    (line,) = user(Engine(preview=True)).logged
    assert line == (
        "warning: user 's3-manager' has a static access key: it never expires and works from any "
        "machine, while IRSA's credentials expire and belong to one service account. Use it for "
        "local debugging only."
    )


@pytest.mark.cases("deployed", {"role A": role, "role B": role_b})
def test_policies_are_a_roles_own_and_the_arn_waits_for_them(deployed):
    queue = Output.from_input(ORDERS)
    policies_ = {"document": QUEUE, "json": json.dumps(QUEUE)}
    policies_ |= {"grant": irsa.allow("sqs:SendMessage", queue)}
    policies_ |= {"nested": {**QUEUE, "Statement": [{**SEND, "Resource": queue}]}}
    engine = deployed(policies=policies_)

    inline = {policy.inputs["name"]: policy.inputs for policy in engine.of("RolePolicy")}
    assert inline.keys() == policies_.keys()
    for inputs in inline.values():
        assert json.loads(inputs["policy"]) == QUEUE
        assert inputs["role"] == engine.one("Role").inputs["name"]


AS_TEXT = {**QUEUE, "Statement": [{**SEND, "Resource": f"{Output.from_input(ORDERS)}"}]}
LARGE = {**QUEUE, "Statement": [{**SEND, "Resource": [f"arn:aws:s3:::{n:060}" for n in range(90)]}]}


@pytest.mark.cases("later", {"known now": False, "known late": True})
@pytest.mark.cases("deployed", {"role A": role, "role B": role_b})
@pytest.mark.cases(("given", "said"), {
    "unknown element": ({"queue": {**QUEUE, "Statement": [{**SEND, "Actoin": "x"}]}},
        r"policies\['queue'\] is not a policy \(Statement\[1\]: unkn"),
    "output as text": ({"queue": AS_TEXT},
        r"\['Resource'\] has an output inside of a text; use Output\.fo"),
    "no JSON": ({"queue": "{"}, r"policies\['queue'\] is not a policy \(Expecting"),
    "too large together": ({"a": LARGE, "b": LARGE},
        "policies have [0-9]+ characters; IAM accepts 10240"),
})  # fmt: skip
def test_policies_that_iam_does_not_store_are_refused(deployed, given, said, later):
    if later:
        given = {name: Output.from_input(each) for name, each in given.items()}
    with pytest.raises((ValueError, pulumi.RunError), match=said):
        deployed(policies=given)


def test_a_secret_policy_is_refused_with_its_argument():
    with pytest.raises(pulumi.RunError, match=r"policies\['queue'\] is secret.*Output.unsecret"):
        role(policies={"queue": Output.secret(json.dumps(QUEUE))})


def test_pulumi_names_role_user_and_policy_after_the_component():
    engine = role(role_name=None, role_b_arns=[ROLE_B], policy_arns={"logs": POLICY})
    assert "name" not in engine.one("Role", "s3-app").inputs
    assert "name" not in engine.one("Policy", "s3-app-assume-role").inputs
    attached = sorted(each.name for each in engine.of("RolePolicyAttachment"))
    assert attached == ["s3-app-assume-role", "s3-app-logs"]
    assert "name" not in user(user_name=None).one("User", "s3-app").inputs
    named, unnamed = (role(Engine(preview=True), role_name=name) for name in ("s3-app", None))
    assert named.outputs("ServiceAccountRole")["role_name"] == "s3-app"
    assert "role_name" not in unnamed.outputs("ServiceAccountRole"), "its random part is another"
