"""The systems of the demo, in its sandbox."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from irsa_core.identity.arns import role_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.names import shared_name
from irsa_core.identity.pod_identity import external_id
from irsa_core.identity.policy_json import Json
from irsa_core.identity.subjects import ServiceAccountRef, service_account_ref

from ..aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from ..engine.stack import SandboxStack
from ..pods.exec import find_pod
from ..pods.spec import ProjectedToken
from ..pods.token import mint
from ..session import TOKEN_SECONDS, Done, Session, create_pod, create_service_account
from ..state import SandboxState
from .checks import CONTENT_A, CONTENT_B, OBJECT_A, OBJECT_B, account, names_of, words

STACK_A = "organization/irsa/dev"
ROLE_B = role_arn(ACCOUNT_B, shared_name("s3-app-B", STACK_A))
BUCKET_B = shared_name("s3-app-b", STACK_A, ACCOUNT_B)
FORMS_A, FORMS_B = "acme-forms", "acme-forms-b"
NEW, OLD = "2026/november.csv", "2025/november.csv"
SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the variable
CLUSTER_ARN = f"arn:aws:eks:{REGION}:{ACCOUNT_A}:cluster/dev"
ANOTHER = {"clusterName": "dev", "namespace": "forms", "serviceAccount": "another"}


class SandboxSystems(Session):
    """Both accounts and the cluster of a sandbox, with the forms' stacks."""

    def __init__(self, state: SandboxState) -> None:
        super().__init__(state)
        self.names: Mapping[str, str] = {}
        self._pods: dict[str, Json] = {}

    def prepare(self) -> None:
        """Upload the systems' objects, when both stacks are up."""
        bucket = self.names["bucket_a"]
        self.aws("s3").put_object(Bucket=bucket, Key=OBJECT_A, Body=CONTENT_A)
        self.aws("s3", ACCOUNT_B).put_object(Bucket=BUCKET_B, Key=OBJECT_B, Body=CONTENT_B)

    def read_names(self) -> None:
        """Read the words of the checks, when account A's stack is up."""
        _ = self.cluster  # one client for all threads
        self.names = names_of(
            SandboxStack(self.state).outputs(),
            {"role_b": ROLE_B, "direct_role": role_arn(ACCOUNT_B, "forms-direct")},
            account_b=ACCOUNT_B,
            bucket_b=BUCKET_B,
            cluster_arn=CLUSTER_ARN,
            ledger_id=external_id(CLUSTER_ARN, service_account_ref("forms", "ledger")),
            region=REGION,
            sessions_a=f"arn:aws:sts::{ACCOUNT_A}:assumed-role/",
            sessions_b=f"arn:aws:sts::{ACCOUNT_B}:assumed-role/",
        )

    def prepare_forms(self) -> None:
        """Upload the forms' objects, and create Pods for tokens of them: without an association,
        and with one whose role is another service account's."""
        for key in (NEW, OLD):
            self.aws("s3").put_object(Bucket=FORMS_A, Key=key, Body=CONTENT_A)
        self.aws("s3", ACCOUNT_B).put_object(Bucket=FORMS_B, Key=NEW, Body=CONTENT_A)
        for pod in ("forms/other", "stage/reports", "forms/another"):
            ref = ServiceAccountRef(*account(pod))
            create_service_account(self.cluster, *ref)
            self._pods[pod] = create_pod(self.cluster, ref, name=ref.name)
        role = role_arn(ACCOUNT_A, "forms-reports")
        self.aws("eks").create_pod_identity_association(**ANOTHER, roleArn=role)

    def empty(self) -> None:
        """Delete the systems' objects."""
        self.empty_bucket(self.names["bucket_a"])
        self.empty_bucket(BUCKET_B, ACCOUNT_B)

    def empty_forms(self) -> None:
        """Delete the forms' objects, and the association that is no stack's."""
        self.empty_bucket(FORMS_A)
        self.empty_bucket(FORMS_B, ACCOUNT_B)
        eks, cluster = self.aws("eks"), {"clusterName": ANOTHER["clusterName"]}
        for found in eks.list_pod_identity_associations(**ANOTHER)["associations"]:
            own = {**cluster, "associationId": found["associationId"]}
            eks.delete_pod_identity_association(**own)

    def in_pod(self, namespace: str, workload: str, command: Sequence[str]) -> Done:
        """Run a command in a workload's Pod; a secret key that it prints is not shown."""
        code, output = super().in_pod(namespace, workload, command)
        return Done(code, re.sub(rf"(?<={SECRET}=)\S+", "(not shown)", output))

    def as_administrator(self, command: Sequence[str]) -> Done:
        """Run an AWS command with the sandbox's own key."""
        return self.run(command, self.state.aws_environment())

    def ask(self, question: Mapping[str, Any]) -> Done:
        """Answer what takes the cluster's key, a node's agent, or the sandbox's files."""
        match question:
            case {"expired_token_of": of, "role": role, "command": command}:
                token = self.expired(self.token(*account(of)))
                return self.assume(token, self.names[role], words(self, command))
            case {"agent_token_of": pod, "command": command, **more}:
                source = ProjectedToken(more.get("audience", POD_IDENTITY_SERVICE), TOKEN_SECONDS)
                manifest = self._pods.get(pod) or find_pod(self.cluster, *account(pod))
                token = mint(self.cluster, manifest, source)[0]
                with NamedTemporaryFile("w", prefix="token-") as file:  # mode 0600, not in argv
                    file.write(token)
                    file.flush()
                    return self.as_administrator([*command.split(), f"file://{file.name}"])
        files = self._files_with_secret_of(*account(question["files_with_secret_of"]))
        return Done(0, "\n".join(files) or "nothing found")

    def _files_with_secret_of(self, namespace: str, workload: str) -> list[str]:
        """Return the files below the sandbox's folder that hold the Pod's secret key, without
        etcd's data, which holds every Secret of the cluster by design."""
        printed = self.in_pod(namespace, workload, ["printenv", SECRET])
        secret, folder = printed.output.strip().encode(), self.state.path
        lines = [] if secret else ["no secret to look for"]
        for path, folders, files in os.walk(folder):
            folders[:] = set(folders) - {"etcd-data"}
            for file in (Path(path, name) for name in files if secret):
                with suppress(FileNotFoundError):  # of a command that has ended
                    if file.is_file() and secret in file.read_bytes():
                        lines.append(str(file.relative_to(folder)))
        return lines
