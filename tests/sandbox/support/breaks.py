"""Ways to break the chain of a workload in one account, and what `verify` must say of each."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ServiceAccount

from irsa.identity.arns import aws_policy_arn, bucket_arn
from irsa.identity.eks import ROLE_ARN_ANNOTATION, STS_AUDIENCE
from irsa.identity.policies import bucket_permissions_policy
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B
from tests.sandbox.support.kubectl import NAME
from tests.sandbox.support.workload import Workload, secret

SUB = "system:serviceaccount:{namespace}:app"


class Break(NamedTuple):
    """One way to break a chain."""

    name: str
    link: str
    """The link that must be named."""
    do: Callable[[Workload], Any]
    found: str
    """Text that the finding must contain."""
    annotated: bool = True
    """True if the service account is annotated when its first Pod starts."""
    stated: bool = True
    """True if verify is told which role it should be."""

    @property
    def touches_pods(self):
        """True if the break, or its remedy, replaces the Pods."""
        in_cluster = ("service-account", "annotation", "pod", "injection", "precedence", "assume")
        return self.link in in_cluster or self.name in ("other-audience", "role-moved")


def annotations(values):
    def do(workload):
        workload.service_account({k: v.format(workload=workload) for k, v in values.items()})
        workload.restart()

    return do


def delete_service_account(workload):
    workload.session.cluster.delete(ServiceAccount, NAME, namespace=workload.namespace)


def annotate_late(workload):
    workload.service_account({ROLE_ARN_ANNOTATION: workload.role_arn})


def change_role_late(workload):
    workload.service_account({ROLE_ARN_ANNOTATION: "arn:aws:iam::111122223333:role/before"})
    workload.restart()
    workload.service_account({ROLE_ARN_ANNOTATION: workload.role_arn})


def annotate_late_and_pause(workload):
    paused = {"spec": {"paused": True}}
    workload.session.cluster.patch(Deployment, NAME, paused, namespace=workload.namespace)
    annotate_late(workload)


def deployment(**template):
    return lambda workload: workload.deploy(**template)


def env(**variables):
    listed = [{"name": name, "value": value} for name, value in variables.items()]
    return deployment(container={"env": listed})


def keys_through_env_from(workload):
    data = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}
    secret(workload.session, workload.namespace, "keys", data)
    workload.deploy(container={"envFrom": [{"secretRef": {"name": "keys"}}]})


TOKEN = {"path": "token", "audience": "vault", "expirationSeconds": 3600}
OWN_VOLUME = {
    "volumes": [
        {"name": "aws-iam-token", "projected": {"sources": [{"serviceAccountToken": TOKEN}]}}
    ]
}
OWN_MOUNT = {
    "volumes": [{"name": "aws-iam-token", "projected": {
        "sources": [{"serviceAccountToken": {**TOKEN, "audience": STS_AUDIENCE}}]}}],
    "container": {"volumeMounts": [{"name": "aws-iam-token", "mountPath": "/elsewhere"}]},
}  # fmt: skip


def condition(*lines):
    def do(workload):
        workload.condition(*[(o, k, v.format(namespace=workload.namespace)) for o, k, v in lines])

    return do


AUD = ("StringEquals", "aud", STS_AUDIENCE)


def https_keys(workload):
    issuer = workload.session.state.issuer_url
    workload.trust(
        Condition={"StringEquals": {f"{issuer}:sub": SUB.format(namespace=workload.namespace)}}
    )


def other_cluster(workload):
    document = json.dumps(workload.trust_policy).replace(
        workload.world.issuer, f"{workload.world.issuer}0"
    )
    workload.set_trust(json.loads(document))


def deny_in_trust(workload):
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringLike": {f"{workload.world.issuer}:sub": "system:serviceaccount:verify-*:*"}
        },
    }
    document = workload.trust_policy
    document["Statement"].append(statement)
    workload.set_trust(document)


def move_provider(workload):
    workload.world.register(ACCOUNT_B)
    workload.world.unregister(ACCOUNT_A)


def drop_audience(workload):
    workload.session.aws("iam").remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=workload.world.provider_arn, ClientID=STS_AUDIENCE
    )


def delete_role(workload):
    workload.delete_role()


def move_role(workload):
    workload.delete_role()
    iam = workload.session.aws("iam")
    trust = json.dumps(workload.trust_policy)
    iam.create_role(RoleName=workload.role_name, Path="/team/", AssumeRolePolicyDocument=trust)
    workload.put_policy(bucket_permissions_policy(bucket_arn(workload.bucket)))


def no_policy(workload):
    workload.session.aws("iam").delete_role_policy(RoleName=workload.role_name, PolicyName="data")


def statement(effect, action, resource):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": action, "Resource": resource}],
    }


def managed(workload, name, document):
    policy = workload.session.aws("iam").create_policy(
        PolicyName=f"{workload.namespace}-{name}", PolicyDocument=json.dumps(document)
    )
    return policy["Policy"]["Arn"]


def bound(workload):
    arn = managed(workload, "boundary", statement("Allow", "dynamodb:*", "*"))
    workload.session.aws("iam").put_role_permissions_boundary(
        RoleName=workload.role_name, PermissionsBoundary=arn
    )


def deny_inline(workload):
    workload.put_policy(statement("Deny", "s3:*", "*"), "guard")


def deny_managed(workload):
    document = statement("Deny", "s3:List*", "*")
    document["Statement"].append(statement("Deny", "ec2:*", "*")["Statement"][0])
    workload.session.aws("iam").attach_role_policy(
        RoleName=workload.role_name, PolicyArn=managed(workload, "guard", document)
    )


def deny_in_bucket(workload):
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": bucket_arn(workload.bucket),
        "Condition": {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT_A}:role/*"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    workload.session.aws("s3").put_bucket_policy(Bucket=workload.bucket, Policy=policy)


def delete_bucket(workload):
    workload.session.aws("s3").delete_bucket(Bucket=workload.bucket)


def administrator(workload):
    workload.session.aws("iam").attach_role_policy(
        RoleName=workload.role_name, PolicyArn=aws_policy_arn("AdministratorAccess")
    )


BREAKS = [
    Break("no-account", "service-account", delete_service_account, "no such service account"),
    Break("no-annotation", "annotation", annotations({}), "no such annotation"),
    Break(
        "misspelt-annotation",
        "annotation",
        annotations({"eks.amazonaws.com/rolearn": "{workload.role_arn}"}),
        "the annotation is misspelt: eks.amazonaws.com/rolearn",
    ),
    Break(
        "instance-profile",
        "annotation",
        annotations({ROLE_ARN_ANNOTATION: "arn:aws:iam::111122223333:instance-profile/x"}),
        "is not the ARN of a role",
    ),
    Break(
        "another-role",
        "annotation",
        annotations({ROLE_ARN_ANNOTATION: "arn:aws:iam::111122223333:role/another"}),
        "it names arn:aws:iam::111122223333:role/another",
    ),
    Break(
        "double-slash",
        "annotation",
        annotations(
            {ROLE_ARN_ANNOTATION: f"arn:aws:iam::{ACCOUNT_A}:role//{{workload.role_name}}"}
        ),
        "is not the ARN of a role",
        stated=False,
    ),
    Break(
        "wrong-account-id",
        "assume",
        annotations({ROLE_ARN_ANNOTATION: "arn:aws:iam::222233334444:role/{workload.role_name}"}),
        "No OpenIDConnect provider",
        stated=False,
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
    Break("paused", "injection", annotate_late_and_pause, "not mutated", annotated=False),
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
    Break(
        "session-name",
        "precedence",
        env(AWS_ROLE_SESSION_NAME="reports / prod"),
        "which STS refuses",
    ),
    Break(
        "zone",
        "precedence",
        env(AWS_REGION="us-east-1a", AWS_DEFAULT_REGION="us-east-1"),
        "an availability zone of region us-east-1",
    ),
    Break("profile-to-nowhere", "precedence", env(AWS_PROFILE="B"), "AWS_PROFILE=B"),
    Break(
        "provider-deleted",
        "provider",
        lambda workload: workload.world.unregister(),
        "no such OIDC provider",
    ),
    Break("provider-elsewhere", "provider", move_provider, f"account {ACCOUNT_A} has no such"),
    Break("audience-dropped", "audience", drop_audience, "its client ids are none"),
    Break(
        "other-audience",
        "audience",
        annotations(
            {ROLE_ARN_ANNOTATION: "{workload.role_arn}", "eks.amazonaws.com/audience": "vault"}
        ),
        "the service account asks for another audience",
    ),
    Break("role-deleted", "role", delete_role, "no such role"),
    Break("role-moved", "role", move_role, ":role/team/", stated=False),
    Break(
        "sub-of-other-namespace",
        "trust",
        condition(AUD, ("StringEquals", "sub", "system:serviceaccount:other:app")),
        "the policy says 'system:serviceaccount:other:app'",
    ),
    Break(
        "wildcard-under-equals",
        "trust",
        condition(AUD, ("StringEquals", "sub", "system:serviceaccount:{namespace}:*")),
        "StringEquals",
    ),
    Break(
        "for-all-values",
        "trust",
        condition(AUD, ("ForAllValues:StringEquals", "sub", f"{SUB}s")),
        "ForAllValues:StringEquals",
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
        ":aud: the policy says 'vault'",
    ),
    Break("https-in-keys", "trust", https_keys, "has no such key"),
    Break(
        "other-action",
        "trust",
        lambda workload: workload.trust(Action="sts:TagSession"),
        "sts:TagSession",
    ),
    Break("other-cluster", "trust", other_cluster, "principal: it names Federated"),
    Break("trust-denies", "trust", deny_in_trust, "an explicit deny beats every allow"),
    Break("no-policy", "permissions", no_policy, "the role has no policy"),
    Break("denied-inline", "permissions", deny_inline, "an explicit deny"),
    Break("denied-by-bucket", "permissions", deny_in_bucket, "resource policy, statement 1"),
    Break("no-bucket", "data", delete_bucket, "NoSuchBucket"),
    Break("administrator", "refused", administrator, "the role can list IAM users"),
]

OF_OTHERS = [
    Break("boundary", "permissions", bound, "permissions boundary"),
    Break("denied-by-managed", "permissions", deny_managed, "an explicit deny"),
]
"""In a policy that other principals may have, so that its owner has to decide."""
