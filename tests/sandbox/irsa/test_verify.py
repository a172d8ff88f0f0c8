"""`python -m irsa verify` names the link that fails, with a remedy that works."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from irsa.chain.link import LINKS
from irsa.identity.policies import bucket_permissions_policy
from sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.hands import NAME
from tests.sandbox.support.irsa_world import Made, secret, troubles, world

pytestmark = pytest.mark.sandbox

ROLE_ARN = "eks.amazonaws.com/role-arn"
SUB = "system:serviceaccount:{namespace}:app"
ATTEMPTS = 3  # links that can be broken at once: a role that is made again needs a policy, too


@pytest.fixture(scope="module")
def irsa_world(session):
    with world(session) as found:
        yield found


@pytest.fixture(scope="module")
def lasting(irsa_world):
    """A workload for the tests that leave its Pods alone."""
    return irsa_world.workload()


@pytest.fixture
def made(irsa_world, lasting, broken):
    """A whole chain, for the test to break."""
    if broken.touches_pods:
        yield irsa_world.workload(annotated=broken.annotated, stated=broken.stated)
        irsa_world.made.pop().remove()
    else:
        yield lasting
        lasting.restore()
    irsa_world.register()


@pytest.fixture
def made_whole(lasting):
    """A whole chain, for tests that leave its Pods alone."""
    yield lasting
    lasting.restore()


class Break(NamedTuple):
    """One way to break a chain."""

    name: str
    link: str
    """The link that must be named."""
    do: Callable[[Made], Any]
    found: str
    """What the finding must say."""
    annotated: bool = True
    """Whether the service account is annotated when its first Pod starts."""
    stated: bool = True
    """Whether verify is told which role it should be."""

    @property
    def touches_pods(self):
        """Whether the break, or its remedy, replaces the Pods."""
        in_cluster = ("service-account", "annotation", "pod", "injection", "precedence")
        return self.link in in_cluster or self.name in ("other-audience", "role-moved")


def annotations(values):
    def do(made):
        made.service_account({k: v.format(made=made) for k, v in values.items()})
        made.restart()

    return do


def delete_service_account(made):
    from lightkube.resources.core_v1 import ServiceAccount

    made.session.cluster.delete(ServiceAccount, NAME, namespace=made.namespace)


def annotate_late(made):
    made.service_account({ROLE_ARN: made.role_arn})


def change_role_late(made):
    made.service_account({ROLE_ARN: "arn:aws:iam::111122223333:role/before"})
    made.restart()
    made.service_account({ROLE_ARN: made.role_arn})


def deployment(**template):
    return lambda made: made.deploy(**template)


def env(**variables):
    listed = [{"name": name, "value": value} for name, value in variables.items()]
    return deployment(container={"env": listed})


def keys_through_env_from(made):
    data = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}
    secret(made.session, made.namespace, "keys", data)
    made.deploy(container={"envFrom": [{"secretRef": {"name": "keys"}}]})


TOKEN = {"path": "token", "audience": "vault", "expirationSeconds": 3600}
OWN_VOLUME = {
    "volumes": [
        {"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": TOKEN}]}}
    ]
}
OWN_MOUNT = {
    "volumes": [{"name": "aws-iam-token", "projected": {
        "sources": [{"serviceAccountToken": {**TOKEN, "audience": "sts.amazonaws.com"}}]}}],
    "container": {"volumeMounts": [{"name": "aws-iam-token", "mountPath": "/elsewhere"}]},
}  # fmt: skip


def condition(*lines):
    def do(made):
        made.condition(*[(o, k, v.format(namespace=made.namespace)) for o, k, v in lines])

    return do


AUD = ("StringEquals", "aud", "sts.amazonaws.com")


def https_keys(made):
    issuer = made.session.state.issuer_url
    made.trust(Condition={"StringEquals": {f"{issuer}:sub": SUB.format(namespace=made.namespace)}})


def other_cluster(made):
    document = json.dumps(made.trust_policy).replace(made.world.issuer, f"{made.world.issuer}0")
    made.set_trust(json.loads(document))


def deny_in_trust(made):
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringLike": {f"{made.world.issuer}:sub": "system:serviceaccount:verify-*:*"}
        },
    }
    document = made.trust_policy
    document["Statement"].append(statement)
    made.set_trust(document)


def move_provider(made):
    made.world.register(ACCOUNT_B)
    made.world.unregister(ACCOUNT_A)


def drop_audience(made):
    made.session.aws("iam").remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=made.world.provider_arn, ClientID="sts.amazonaws.com"
    )


def delete_role(made):
    made.delete_role()


def move_role(made):
    made.delete_role()
    iam = made.session.aws("iam")
    trust = json.dumps(made.trust_policy)
    iam.create_role(RoleName=made.role_name, Path="/team/", AssumeRolePolicyDocument=trust)
    made.put_policy(bucket_permissions_policy(f"arn:aws:s3:::{made.bucket}"))


def no_policy(made):
    made.session.aws("iam").delete_role_policy(RoleName=made.role_name, PolicyName="data")


def statement(effect, action, resource):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": action, "Resource": resource}],
    }


def managed(made, name, document):
    policy = made.session.aws("iam").create_policy(
        PolicyName=f"{made.namespace}-{name}", PolicyDocument=json.dumps(document)
    )
    return policy["Policy"]["Arn"]


def bound(made):
    arn = managed(made, "boundary", statement("Allow", "dynamodb:*", "*"))
    made.session.aws("iam").put_role_permissions_boundary(
        RoleName=made.role_name, PermissionsBoundary=arn
    )


def deny_inline(made):
    made.put_policy(statement("Deny", "s3:*", "*"), "guard")


def deny_managed(made):
    document = statement("Deny", "s3:List*", "*")
    document["Statement"].append(statement("Deny", "ec2:*", "*")["Statement"][0])
    made.session.aws("iam").attach_role_policy(
        RoleName=made.role_name, PolicyArn=managed(made, "guard", document)
    )


def deny_in_bucket(made):
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{made.bucket}",
        "Condition": {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_A}:role/verify-*"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    made.session.aws("s3").put_bucket_policy(Bucket=made.bucket, Policy=policy)


def delete_bucket(made):
    made.session.aws("s3").delete_bucket(Bucket=made.bucket)


def administrator(made):
    made.session.aws("iam").attach_role_policy(
        RoleName=made.role_name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )


BREAKS = [
    Break("no-account", "service-account", delete_service_account, "no such service account"),
    Break("no-annotation", "annotation", annotations({}), "no such annotation"),
    Break(
        "misspelt-annotation",
        "annotation",
        annotations({"eks.amazonaws.com/rolearn": "{made.role_arn}"}),
        "the annotation is misspelt: eks.amazonaws.com/rolearn",
    ),
    Break(
        "instance-profile",
        "annotation",
        annotations({ROLE_ARN: "arn:aws:iam::111122223333:instance-profile/x"}),
        "is not the ARN of a role",
    ),
    Break(
        "another-role",
        "annotation",
        annotations({ROLE_ARN: "arn:aws:iam::111122223333:role/another"}),
        "it names arn:aws:iam::111122223333:role/another",
    ),
    Break("another-account", "pod", deployment(serviceAccountName="default"), "runs as default"),
    Break(
        "skip-label",
        "injection",
        deployment(metadata={"labels": {"eks.amazonaws.com/skip-pod-identity-webhook": "true"}}),
        "skip-pod-identity-webhook",
    ),
    Break(
        "skip-containers",
        "injection",
        deployment(metadata={"annotations": {"eks.amazonaws.com/skip-containers": "app"}}),
        "skip-containers=app",
    ),
    Break(
        "preset-role", "injection", env(AWS_ROLE_ARN="arn:aws:iam::1:role/x"), "sets AWS_ROLE_ARN"
    ),
    Break(
        "preset-token-file",
        "injection",
        env(AWS_WEB_IDENTITY_TOKEN_FILE="/token"),
        "sets AWS_WEB_IDENTITY_TOKEN_FILE by hand",
    ),
    Break("annotated-late", "injection", annotate_late, "not mutated", annotated=False),
    Break("role-changed-late", "injection", change_role_late, "older than the annotation"),
    Break("own-volume", "injection", deployment(**OWN_VOLUME), "audience 'vault'"),
    Break("own-mount", "injection", deployment(**OWN_MOUNT), "/elsewhere/token"),
    Break("no-region", "injection", env(AWS_DEFAULT_REGION="us-east-1"), "no AWS_REGION"),
    Break(
        "static-keys",
        "precedence",
        env(AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x"),
        "static credentials win",
    ),
    Break("keys-from-secret", "precedence", keys_through_env_from, "envFrom of Secret keys"),
    Break("profile-to-nowhere", "precedence", env(AWS_PROFILE="B"), "AWS_PROFILE=B"),
    Break(
        "provider-deleted",
        "provider",
        lambda made: made.world.unregister(),
        "no such OIDC provider",
    ),
    Break("provider-elsewhere", "provider", move_provider, f"account {ACCOUNT_A} has no such"),
    Break("audience-dropped", "audience", drop_audience, "its client ids are none"),
    Break(
        "other-audience",
        "audience",
        annotations({ROLE_ARN: "{made.role_arn}", "eks.amazonaws.com/audience": "vault"}),
        "the service account asks for another audience",
    ),
    Break("role-deleted", "role", delete_role, "no such role"),
    Break("role-moved", "role", move_role, ":role/team/", stated=False),
    Break(
        "sub-of-other-namespace",
        "trust",
        condition(AUD, ("StringEquals", "sub", "system:serviceaccount:other:app")),
        "expected 'system:serviceaccount:other:app'",
    ),
    Break(
        "wildcard-under-equals",
        "trust",
        condition(AUD, ("StringEquals", "sub", "system:serviceaccount:{namespace}:*")),
        "StringEquals",
    ),
    Break(
        "exact-and-pattern",
        "trust",
        condition(
            AUD,
            ("StringEquals", "sub", SUB),
            ("StringLike", "sub", "system:serviceaccount:{namespace}:worker-*"),
        ),
        "StringLike",
    ),
    Break(
        "other-aud-in-trust",
        "trust",
        condition(("StringEquals", "aud", "vault"), ("StringEquals", "sub", SUB)),
        ":aud: expected 'vault'",
    ),
    Break("https-in-keys", "trust", https_keys, "no such key in the request"),
    Break(
        "other-action", "trust", lambda made: made.trust(Action="sts:TagSession"), "sts:TagSession"
    ),
    Break("other-cluster", "trust", other_cluster, "principal: it names Federated"),
    Break("trust-denies", "trust", deny_in_trust, "an explicit deny beats every allow"),
    Break("no-policy", "permissions", no_policy, "there is no policy that allows it"),
    Break("boundary", "permissions", bound, "permissions boundary"),
    Break("denied-inline", "permissions", deny_inline, "an explicit deny"),
    Break("denied-by-managed", "permissions", deny_managed, "an explicit deny"),
    Break("denied-by-bucket", "permissions", deny_in_bucket, "resource policy, statement 1"),
    Break("no-bucket", "data", delete_bucket, "NoSuchBucket"),
    Break("administrator", "refused", administrator, "the role can list IAM users"),
]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_the_link_is_named_and_its_remedy_mends_it(made, broken):
    broken.do(made)

    done = made.verify()

    [result] = done.json
    link = next(each for each in result["links"] if each["link"] == broken.link)
    assert (done.code, result["failing_link"]) == (1, broken.link), done.out
    assert broken.found in link["found"]
    for _ in range(ATTEMPTS):
        made.world.apply(link["commands"])
        [result] = made.verify().json
        if result["verdict"] != "failed":
            break
        link = next(e for e in result["links"] if e["link"] == result["failing_link"])
    assert troubles(result) == []
    assert made.sdk().startswith(f"arn:aws:sts::{ACCOUNT_A}:assumed-role/{made.role_name}/")


def test_the_subject_of_a_typo_is_trusted_no_longer(made_whole):
    # First hour 9: the remedy joined a second statement, and the stranger stayed trusted.
    typo = SUB.format(namespace=made_whole.namespace).replace(":app", ":ap")
    made_whole.condition(AUD, ("StringEquals", "sub", typo))
    assert made_whole.session_as("ap")

    [result] = made_whole.verify().json
    link = next(each for each in result["links"] if each["link"] == "trust")
    made_whole.world.apply(link["commands"])

    assert troubles(made_whole.verify().json[0]) == []
    assert not made_whole.session_as("ap")


def test_a_bucket_policy_that_nobody_can_read_shows(made_whole):
    # M3: it locks the reader out, too.
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:ListBucket", "s3:GetBucketPolicy"],
        "Resource": f"arn:aws:s3:::{made_whole.bucket}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    made_whole.session.aws("s3").put_bucket_policy(Bucket=made_whole.bucket, Policy=policy)

    done = made_whole.verify()

    made_whole.session.aws("s3", ACCOUNT_A).delete_bucket_policy(Bucket=made_whole.bucket)
    links = {each["link"]: each for each in done.json[0]["links"]}
    assert links["permissions"]["status"] == "unknown"
    assert f"could not read policy of bucket {made_whole.bucket}" in links["permissions"]["found"]
    assert links["data"]["status"] == "failed"
    assert "control policy" not in links["data"]["remedy"]


def test_at_least_25_ways_and_every_link_of_one_account_can_fail():
    assert len(BREAKS) >= 25
    of_chain = {key for key in LINKS if key.startswith("chain-") or key == "profile"}
    # What STS and S3 say themselves fails with the link that explains it.
    effects = {"token", "assume", "caller", "inside"}
    elsewhere = {"webhook"}  # tests/sandbox/irsa/test_verify_pods.py
    assert {broken.link for broken in BREAKS} == LINKS.keys() - of_chain - effects - elsewhere
