"""``python -m irsa credentials NAMESPACE/SERVICE-ACCOUNT``: a service account's AWS credentials.

The credentials of its Pods, for local debugging without an access key: a short-lived token from
TokenRequest, exchanged at STS, or at EKS where the Pods have an EKS Pod Identity association, as
JSON for ``credential_process``.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

import argparse
import getpass
import json
import re
import sys

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.sources import add_cluster, places
from irsa.observe.aws import Aws
from irsa.observe.facts import RUNNING, Answer, Credentials, Pod, ServiceAccountObject, Unread
from irsa.observe.kubernetes import KubernetesCluster
from irsa.observe.pod_spec import is_associated
from irsa.verify.gather import eks_name
from irsa_core.identity.arns import check_role_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE, ROLE_ARN_ANNOTATION


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    cli.add_account(command)
    command.add_argument("--role-b", metavar="ROLE_ARN", help="assume role B as well")
    command.add_argument("--external-id", help="external id that role B requires")
    role_arn = cli.checked(check_role_arn)
    text = "role to assume (default: the annotation's)"
    command.add_argument("--role-arn", type=role_arn, help=text)
    add_cluster(command)


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    if sys.stdout.isatty():
        raise cli.Stop(
            "stdout is a terminal, and these are credentials; use the command as "
            "credential_process of an AWS profile, or redirect its output"
        )
    with places(options.context, options.region) as where:
        credentials = _credentials(options, where.cluster, where.aws)
    print(json.dumps(process_output(credentials)))
    return cli.HOLDS


def _credentials(options: argparse.Namespace, cluster: KubernetesCluster, aws: Aws) -> Credentials:
    namespace, name = cli.account(options.account, options.namespace)
    account = cluster.service_account(namespace, name)
    if account is None:
        raise cli.Stop(f"there is no service account {namespace}/{name}", cli.FAILS)
    account = cli.known(account)
    session_name = _session_name()
    pod = None if options.role_arn else _associated_pod(cluster, account)
    if pod is not None:
        answer, call = _for_pod(cluster, aws, account, pod), "AssumeRoleForPodIdentity"
    else:
        role_arn = options.role_arn or account.role_arn
        if not role_arn:
            raise cli.Stop(
                f"service account {namespace}/{name} has no annotation {ROLE_ARN_ANNOTATION}, and "
                "no running Pod with an EKS Pod Identity association; annotate it, start a Pod, or "
                "give --role-arn",
                cli.FAILS,
            )
        token = cli.known(cluster.token(namespace, name, account.audience))
        answer = aws.assume_with_web_identity(role_arn, token, session_name)
        call = f"AssumeRoleWithWebIdentity of {role_arn}"
    credentials = _allowed(answer, call, account)
    if options.role_b:
        session = aws.as_session(credentials)
        answer = session.assume_role(options.role_b, session_name, options.external_id)
        credentials = _allowed(answer, f"AssumeRole of {options.role_b}", account)
    return credentials


def _associated_pod(cluster: KubernetesCluster, account: ServiceAccountObject) -> Pod | None:
    """The newest running Pod that the webhook prepared for EKS Pod Identity.

    AWS is not asked: a signed call looks for the caller's credentials, which may come from a
    ``credential_process`` that is this very program.
    """
    workloads = cluster.workloads(account.namespace)
    pods = () if isinstance(workloads, Unread) else workloads.pods
    running = (e for e in pods if e.service_account == account.name and e.phase == RUNNING)
    return next((pod for pod in running if is_associated(pod.spec)), None)


def _for_pod(
    cluster: KubernetesCluster, aws: Aws, account: ServiceAccountObject, pod: Pod
) -> Answer:
    name = cli.known(eks_name(cluster, aws))
    if name is None:
        raise cli.Stop(
            f"no EKS cluster of region {aws.region} has this cluster's issuer; give --region"
        )
    token = cli.known(cluster.token(account.namespace, account.name, POD_IDENTITY_SERVICE, pod))
    return cli.known(aws.assume_for_pod(name, token))


def process_output(credentials: Credentials) -> dict[str, object]:
    """Return the JSON that SDKs read from a ``credential_process``."""
    return {
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token,
        "Expiration": credentials.expiration,
    }


def _session_name() -> str:
    """A session name that shows the user in CloudTrail."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", f"irsa-{user}")[:64]


def _allowed(answer: Answer, call: str, account: ServiceAccountObject) -> Credentials:
    if answer.credentials is None:
        raise cli.Stop(
            f"{call}: {answer.text}; `{PROGRAM} verify --namespace {account.namespace} "
            f"--service-account {account.name}` names the cause",
            cli.FAILS,
        )
    return answer.credentials
