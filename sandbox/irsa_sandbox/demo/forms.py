"""Forms beyond the three systems: federation, and EKS Pod Identity alone, chained and limited."""

import shlex
from functools import partial
from tempfile import NamedTemporaryFile

from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from irsa.identity.arns import role_arn, session_arn_prefix
from irsa.identity.eks import POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa.identity.pod_identity import external_id
from irsa.identity.subjects import service_account_ref

from ..aws.accounts import ACCOUNT_A, ACCOUNT_B
from ..json_types import Json
from ..pods.exec import find_pod
from ..pods.spec import Token
from ..pods.token import mint
from ..session import TOKEN_SECONDS, Done, Session
from .pods import CALLER, ENVIRONMENT, PodChecks
from .record import Record

NAMESPACE = "forms"
CLUSTER = "dev"
CLUSTER_ARN = f"arn:aws:eks:us-east-1:{ACCOUNT_A}:cluster/{CLUSTER}"
BUCKET, BUCKET_B = "acme-forms", "acme-forms-b"
OBJECT, OLD = "2026/november.csv", "2025/november.csv"
LIST, LIST_B = (f"aws s3 ls --recursive s3://{name}" for name in (BUCKET, BUCKET_B))
NOT_FOUND = "ResourceNotFoundException"
LEDGER = service_account_ref(NAMESPACE, "ledger")


def upload(session: Session) -> None:
    """Put objects into the buckets of both accounts."""
    for name in (OBJECT, OLD):
        session.aws("s3").put_object(Bucket=BUCKET, Key=name, Body=b"day,visits\n")
    session.aws("s3", ACCOUNT_B).put_object(Bucket=BUCKET_B, Key=OBJECT, Body=b"day,visits\n")


def empty(session: Session) -> None:
    """Delete the objects."""
    session.empty_bucket(BUCKET)
    session.empty_bucket(BUCKET_B, ACCOUNT_B)


def check_federation(session: Session, record: Record) -> None:
    """Check that pods are a role of account B at once, and that no other service account is."""
    direct = role_arn(ACCOUNT_B, "forms-direct")
    pod = PodChecks(session, record, "direct", NAMESPACE)
    pod.prints("direct-caller", "the pod is account B's role", CALLER, session_arn_prefix(direct))
    pod.prints("direct-list", "it lists account B's bucket without a chain", LIST_B, OBJECT)
    record.denied(
        "direct-refused",
        "account B's role refuses another service account",
        f"AWS_WEB_IDENTITY_TOKEN_FILE=<token of {NAMESPACE}/reports> {CALLER}",
        partial(session.assume, session.token(NAMESPACE, "reports"), direct, CALLER.split()),
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    )


def check_pod_identity(session: Session, record: Record) -> None:
    """Check EKS Pod Identity alone, and the tokens that get no session."""
    pod = PodChecks(session, record, "reports", NAMESPACE)
    pod.prints(
        "pod-identity-env",
        "the webhook injected the agent's address and a token file, and no role",
        ENVIRONMENT,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=",
        without="AWS_ROLE_ARN",
    )
    prefix = session_arn_prefix(role_arn(ACCOUNT_A, "forms-reports"))
    caller = f"{prefix}eks-{CLUSTER}-reports"
    pod.prints("pod-identity-caller", "the agent gives it its association's role", CALLER, caller)
    pod.prints("pod-identity-list", "as that role it lists the bucket", LIST, OBJECT)
    _refusals(session, record)
    both = PodChecks(session, record, "both", NAMESPACE)
    prefix = session_arn_prefix(role_arn(ACCOUNT_A, "forms-both"))
    title = "with annotation and association, the association wins"
    both.prints("pod-identity-both", title, CALLER, f"{prefix}eks-{CLUSTER}-both")


def _refusals(session: Session, record: Record) -> None:
    eks, own = session.aws("eks"), find_pod(session.cluster, NAMESPACE, "reports")
    other, elsewhere = _pod(session, NAMESPACE, "other"), _pod(session, "stage", "reports")
    without = "a service account without association"
    for key, subject, cluster, pod, audience, error in (
        ("association", without, CLUSTER, other, POD_IDENTITY_SERVICE, NOT_FOUND),
        ("namespace", "its name elsewhere", CLUSTER, elsewhere, POD_IDENTITY_SERVICE, NOT_FOUND),
        ("cluster", "its token at another cluster", "stage", own, POD_IDENTITY_SERVICE, NOT_FOUND),
        ("audience", "a token for STS", CLUSTER, own, STS_AUDIENCE, "InvalidTokenException"),
    ):
        _ask(session, record, key, subject, cluster, _token(session, pod, audience), error)
    record.settle()
    created = eks.create_pod_identity_association(
        clusterName=CLUSTER,
        namespace=NAMESPACE,
        serviceAccount="other",
        roleArn=role_arn(ACCOUNT_A, "forms-reports"),
    )["association"]
    token = _token(session, other, POD_IDENTITY_SERVICE)
    subject = "another service account with an association to the role"
    _ask(session, record, "service-account", subject, CLUSTER, token, "AccessDeniedException")
    record.settle()
    eks.delete_pod_identity_association(clusterName=CLUSTER, associationId=created["associationId"])


def _pod(session: Session, namespace: str, name: str) -> Json:
    """Create a service account and a Pod of it."""
    session.service_account(namespace, name)
    spec = PodSpec(serviceAccountName=name, containers=[Container(name="app", image="app")])
    pod = Pod(metadata=ObjectMeta(name=name, namespace=namespace), spec=spec)
    return session.cluster.create(pod).to_dict()


def _token(session: Session, pod: Json, audience: str) -> str:
    return mint(session.cluster, pod, Token(audience, TOKEN_SECONDS))[0]


def _ask(
    session: Session, record: Record, key: str, subject: str, cluster: str, token: str, error: str
) -> None:
    command = f"aws eks-auth assume-role-for-pod-identity --cluster-name {cluster} --token"

    def run() -> Done:
        with NamedTemporaryFile("w", prefix="token-") as file:  # mode 0600, and not in argv
            file.write(token)
            file.flush()
            arguments = [*command.split(), f"file://{file.name}"]
            return session.run(arguments, session.state.aws_environment())

    shown = f"{command} <{subject}>"
    record.denied(f"pod-identity-refused-{key}", f"{subject} gets no session", shown, run, error)


def check_target_role(session: Session, record: Record) -> None:
    """Check that pods are role B, by the external id that account B computed beforehand."""
    role_b = role_arn(ACCOUNT_B, "forms-ledger-B")
    pod = PodChecks(session, record, "ledger", NAMESPACE)
    caller = f"{session_arn_prefix(role_b)}eks-{CLUSTER}-ledger"
    pod.prints("target-caller", "with a target role the pod is role B", CALLER, caller)
    pod.prints("target-list", "as role B it lists account B's bucket", LIST_B, OBJECT)
    title = "role B may not list account A's bucket"
    pod.is_denied("target-refused-bucket", title, LIST, "AccessDenied")
    tags = {"eks-cluster-arn": CLUSTER_ARN, "kubernetes-namespace": NAMESPACE}
    tags["kubernetes-service-account"] = LEDGER.name
    given = " ".join(f"Key={key},Value={value}" for key, value in tags.items())
    forged = (
        f"aws sts assume-role --role-arn {role_b} --role-session-name forged --external-id "
        f"{external_id(CLUSTER_ARN, LEDGER)} --tags {given}"
    )
    record.denied(
        "target-refused-forged",
        "an administrator who sends tags and external id itself is refused",
        f"python -m irsa_sandbox run -- {forged}",
        partial(session.run, shlex.split(forged), session.state.aws_environment()),
        "is not authorized to perform: sts:",
    )


def check_session_policy(session: Session, record: Record) -> None:
    """Check that the session policy leaves a part of the shared role's permissions."""
    pod = PodChecks(session, record, "archive", NAMESPACE)
    copy = f"aws s3 cp s3://{BUCKET}/%s -"
    pod.prints("session-policy-get", "the session policy allows 2026", copy % OBJECT, "visits")
    denied = "the role would allow 2025, the session policy does not"
    pod.is_denied("session-policy-refused", denied, copy % OLD, "403")
