"""Reader of facts from AWS, and caller of the actions that a link tries.

boto3 is imported when it is first needed. Every call has a timeout. Endpoint, profile, region and
CA are as boto3 finds them: AWS_ENDPOINT_URL, AWS_PROFILE, AWS_REGION, AWS_CA_BUNDLE work.
"""
# pyright: reportMissingTypeStubs=false

import json
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Final, NamedTuple, TypeVar

from irsa.observe.eks import (
    AGENT,
    AUTO_MODE,
    FOR_POD_IDENTITY,
    Association,
    DescribedCluster,
    association_of,
)
from irsa.observe.errors import CONNECT_TIMEOUT, READ_TIMEOUT, CollectError, one_line, reads
from irsa.observe.facts import Answer, Credentials, RegisteredProvider, Role, Unread
from irsa.observe.iam import (
    DETAILS,
    AccountPrincipals,
    IamReader,
    read_managed,
    read_policies,
    role_of,
)
from irsa_core.identity.arns import Arn, account_of, cluster_arn, name_of, parse_arn
from irsa_core.identity.policy_json import Json, mapping
from irsa_core.identity.quotas import DEFAULT_SESSION_DURATION
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_core.identity.token import Token

DEFAULT_REGION = "us-east-1"  # when nothing says another one; IAM has no regions anyway

_ASSOCIATIONS = "eks:ListPodIdentityAssociations and eks:DescribePodIdentityAssociation"
_DETAILS_CALL = "get_account_authorization_details"
PAGE_SIZE = 1000
"""The most that IAM lists in one answer."""


class PolicyReader(NamedTuple):
    """The call that reads the policies of a service's resources."""

    action: str
    """The call's name, also of its permission."""
    parameter: str
    """Takes the ARN, or for S3 and SQS what their calls name a resource by."""
    element: str = "Policy"
    """Element of the answer, or of its attributes."""


POLICY_READERS: Final = {
    "s3": PolicyReader("GetBucketPolicy", "Bucket"),
    "sqs": PolicyReader("GetQueueAttributes", "QueueUrl"),
    "sns": PolicyReader("GetTopicAttributes", "TopicArn"),
    "kms": PolicyReader("GetKeyPolicy", "KeyId"),
    "secretsmanager": PolicyReader("GetResourcePolicy", "SecretId", "ResourcePolicy"),
    "dynamodb": PolicyReader("GetResourcePolicy", "ResourceArn"),
    "lambda": PolicyReader("GetPolicy", "FunctionName"),
}
"""Of the resources of each service; the others decide by the caller's policies, or are not read."""
NO_POLICY: Final = ("NoSuchBucketPolicy", "PolicyNotFoundException", "ResourceNotFoundException")
"""Error codes of a resource without a policy."""

T = TypeVar("T")


def _aws(what: str, permission: str, read: Callable[[], T]) -> T | Unread:
    """The value read, or why it could not be read."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return read()
    except (BotoCoreError, ClientError, ValueError) as error:
        throttled = re.search(r"\((Throttl|RequestLimitExceeded|TooManyRequests)", str(error))
        return Unread(what, one_line(error), permission, "run it again" if throttled else "")


class Aws(AbstractContextManager["Aws", None]):
    """AWS as one identity: the caller's own configuration, as boto3 finds it, or a role session."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        credentials: Credentials | None = None,
        like: "Aws | None" = None,
    ) -> None:
        """Raises `CollectError` for a profile that does not exist.

        ``like`` shares its configuration but for the region, and what botocore has loaded so far.
        """
        # Imported here: it takes 0.2 s.
        import boto3.session
        from botocore.exceptions import BotoCoreError

        try:
            self._session: Any = (
                like._session
                if like
                else boto3.session.Session(profile_name=profile, region_name=region)
            )
            # Before botocore's own, which would try again.
            self._session.events.register_first("needs-retry", _refuse_dead_proxy, "dead-proxy")
            self.region: str = region or self._session.region_name or DEFAULT_REGION
        except BotoCoreError as error:
            raise CollectError(f"AWS configuration: {error}") from error
        self.profile = profile or ""
        self._credentials = credentials
        self._clients: dict[str, Any] = {}
        self._regions: dict[str, Aws] = {}
        self._opened = ExitStack()

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def as_session(self, credentials: Credentials) -> "Aws":
        """Return clients of this region for a role session; they are closed together with these."""
        session = Aws(region=self.region, credentials=credentials, like=self)
        return self._opened.enter_context(session)

    def as_role(self, role_arn: str, session_name: str) -> "Aws | Unread":
        """Return clients for a new session of a role; they are closed together with these."""
        answer = self.assume_role(role_arn, session_name, None)
        if answer.credentials is None:
            what = f"the account of role {role_arn}"
            return Unread(what, answer.text, "sts:AssumeRole on the role, and its trust")
        return self.as_session(answer.credentials)

    def in_region(self, region: str) -> "Aws":
        """Return the clients of a region for the same identity; these for an empty one."""
        if region in ("", self.region):
            return self
        if region not in self._regions:
            clients = Aws(region=region, credentials=self._credentials, like=self)
            self._regions[region] = self._opened.enter_context(clients)
        return self._regions[region]

    def client(self, service: str, *, unsigned: bool = False) -> Any:
        """A client of boto3's, also for the changes of `irsa.move.changes`."""
        from botocore import UNSIGNED
        from botocore.config import Config

        key = f"{service} unsigned" if unsigned else service
        if key not in self._clients:
            config = Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                retries={"total_max_attempts": 3},
                signature_version=UNSIGNED if unsigned else None,
            )
            credentials = self._credentials
            if unsigned:
                # Never used, and so the caller's own are not looked for: they may come from a
                # credential_process that is this very program.
                credentials = Credentials("none", "none", "none", "")
            names = ("access_key_id", "secret_access_key", "session_token")
            keys = {f"aws_{e}": getattr(credentials, e) for e in names} if credentials else {}
            self._clients[key] = self._session.client(
                service, region_name=self.region, config=config, **keys
            )
            self._opened.callback(self._clients[key].close)
        return self._clients[key]

    @cached_property
    @reads(_aws, "who the AWS credentials are", "AWS credentials")
    def account(self) -> str:
        """The account that the credentials are of."""
        return self.client("sts").get_caller_identity()["Account"]

    def _elsewhere(self, what: str, account: str) -> Unread | None:
        """Return the reason why a fact of another account cannot be read with these credentials."""
        own = self.account
        if isinstance(own, Unread):
            return replace(own, what=what)
        if own == account:
            return None
        return Unread(what, f"the credentials are of {own}", f"credentials of account {account}")

    def providers(self, account: str) -> list[RegisteredProvider] | Unread:
        """The OIDC providers of an account."""

        def read() -> list[RegisteredProvider]:
            iam, providers = self.client("iam"), list[RegisteredProvider]()
            for entry in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
                provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=entry["Arn"])
                ids, thumbprints = provider["ClientIDList"], provider.get("ThumbprintList", ())
                providers.append(RegisteredProvider(entry["Arn"], tuple(ids), tuple(thumbprints)))
            return providers

        what = f"OIDC providers of account {account}"
        needed = "iam:ListOpenIDConnectProviders and iam:GetOpenIDConnectProvider"
        return self._elsewhere(what, account) or _aws(what, needed, read)

    @reads(_aws, "access keys of {user_arn}", "iam:ListAccessKeys")
    def access_keys(self, user_arn: str) -> list[str]:
        """The ids of a user's access keys; none for a user that is not there."""
        iam = self.client("iam")
        try:
            keys = iam.list_access_keys(UserName=name_of(user_arn))["AccessKeyMetadata"]
        except iam.exceptions.NoSuchEntityException:
            return []
        return [each["AccessKeyId"] for each in keys]

    def role(self, arn: str) -> Role | Unread | None:
        """A role with its policies; also the one of the same name under another path."""
        what, name, managed = f"role {arn}", name_of(arn), "iam:GetPolicy and iam:GetPolicyVersion"

        def read() -> Role:
            iam = self.client("iam")
            role: Json = iam.get_role(RoleName=name)["Role"]
            needed = (
                f"iam:ListRolePolicies, iam:GetRolePolicy, iam:ListAttachedRolePolicies, {managed}"
            )
            policies = _aws(
                f"policies of role {name}", needed, lambda: tuple(read_policies(iam, name))
            )
            limit = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
            boundary = limit and _aws(
                f"boundary {limit}", managed, lambda: read_managed(iam, limit)
            )
            return role_of(role, policies, boundary)

        there = _unless(["NoSuchEntity"], read)
        return self._elsewhere(what, account_of(arn)) or _aws(what, "iam:GetRole", there)

    def roles(self) -> AccountPrincipals | Unread:
        """All roles of the credentials' account, with the policies that are the account's own.

        Falls back to ListRoles when GetAccountAuthorizationDetails is denied; permissions policies
        and last-used times are then missing.
        """

        only = ["Role", "LocalManagedPolicy"]
        detailed = _aws(
            "IAM roles",
            DETAILS,
            _unless(("AccessDenied",), lambda: self._listed(_DETAILS_CALL, Filter=only)),
        )
        if detailed is not None:
            return detailed
        needed = f"{DETAILS} or iam:ListRoles"
        return _aws("IAM roles", needed, lambda: self._listed("list_roles"))

    def _listed(self, operation: str, **request: Any) -> AccountPrincipals:
        """Read all pages of a listing, a thousand entries a call."""
        pages = self.client("iam").get_paginator(operation)
        size = {"PageSize": PAGE_SIZE}
        return IamReader(pages.paginate(**request, PaginationConfig=size)).result()

    def pod_identities(self, *clusters: str) -> list[Association] | Unread:
        """The Pod Identity associations of EKS clusters."""
        what = f"Pod Identity associations of cluster {', '.join(clusters)}"
        return _aws(what, _ASSOCIATIONS, partial(self._associations, clusters))

    @reads(_aws, "Pod Identity association of {account.namespace}/{account.name}", _ASSOCIATIONS)
    def association(
        self, cluster: DescribedCluster, account: ServiceAccountRef
    ) -> Association | None:
        """The Pod Identity association of a service account."""
        only = {"namespace": account.namespace, "serviceAccount": account.name}
        return next(iter(self._associations([cluster_arn(cluster.arn).name], **only)), None)

    def _associations(self, clusters: Sequence[str], **only: str) -> list[Association]:
        """The associations of clusters, or of the namespace and service account in ``only``. The
        list has no roles: each takes a call of its own.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_ListPodIdentityAssociations.html
        """
        eks, associations = self.client("eks"), list[Association]()
        paginator = eks.get_paginator("list_pod_identity_associations")
        for name in clusters:
            pages = paginator.paginate(clusterName=name, **only)
            for id_ in pages.search("associations[].associationId"):
                named = {"clusterName": name, "associationId": id_}
                answer = eks.describe_pod_identity_association(**named)
                associations.append(association_of(answer["association"]))
        return associations

    @reads(
        _aws,
        "Pod Identity associations",
        "eks:ListClusters and eks:DescribeCluster, or the cluster's name (a kubeconfig of "
        "`aws eks update-kubeconfig`, or --cluster of `list` and `audit`)",
    )
    def clusters(self, issuer_url: str) -> list[str]:
        """Names of the EKS clusters of the region that have an issuer."""
        eks = self.client("eks")
        names = eks.get_paginator("list_clusters").paginate().search("clusters")
        listed = [eks.describe_cluster(name=name)["cluster"] for name in names]
        return [e["name"] for e in listed if e["identity"]["oidc"]["issuer"] == issuer_url]

    @reads(_aws, "EKS cluster {name}", "eks:DescribeCluster and eks:DescribeAddon")
    def eks_cluster(self, name: str) -> DescribedCluster | None:
        """An EKS cluster and the add-on of the EKS Pod Identity Agent."""
        eks = self.client("eks")
        there = _unless(["ResourceNotFoundException"], lambda: eks.describe_cluster(name=name))()
        if there is None:
            return None
        cluster: Json = there["cluster"]
        compute: Json = cluster.get("computeConfig") or {}
        addon = _unless(
            ["ResourceNotFoundException"],
            lambda: eks.describe_addon(clusterName=name, addonName=AGENT)["addon"]["status"],
        )
        role: str = compute.get("nodeRoleArn") or ""
        return DescribedCluster(cluster["arn"], bool(compute.get("enabled")), addon(), role)

    def node_role(self, cluster: DescribedCluster, group: str) -> Role | Unread:
        """The role of the nodes of a node group, or of EKS Auto Mode."""

        def read() -> str:
            asked = {"clusterName": cluster_arn(cluster.arn).name, "nodegroupName": group}
            return self.client("eks").describe_nodegroup(**asked)["nodegroup"]["nodeRole"]

        what, needed = "the node's role", "eks:DescribeNodegroup"
        if not group:
            why, way_out = "it is in no managed node group", "ask inside the Pod, with --exec"
            return Unread(what, why, "one that EKS knows", way_out)
        arn = cluster.node_role if group == AUTO_MODE else _aws(what, needed, read)
        role = arn if isinstance(arn, Unread) else self.role(arn)
        return role or Unread(what, f"{arn} does not exist", "a role")

    def principals(self, account: str) -> AccountPrincipals | Unread:
        """All users and roles of an account, with all their policies."""
        what = f"users and roles of account {account}"
        return self._elsewhere(what, account) or _aws(
            what, DETAILS, lambda: self._listed(_DETAILS_CALL)
        )

    def bucket_policy(self, bucket: str) -> Json | Unread | None:
        """A bucket's policy; None when it has none."""
        what, arn = f"policy of bucket {bucket}", Arn("aws", "s3", "", "", bucket)
        policy = self._policy(what, arn)
        if isinstance(policy, Unread) and "NoSuchBucket" in policy.reason:
            way_out = "correct the bucket's name, or create the bucket"
            return replace(policy, permission="a bucket of that name", way_out=way_out)
        return policy

    def resource_policy(self, arn: str) -> Json | Unread | None:
        """The policy of a resource; None when it has none, or its service knows none."""
        parsed = parse_arn(arn)
        if parsed is None or parsed.service not in POLICY_READERS or "*" in arn:
            return None
        return self.in_region(parsed.region)._policy(f"policy of {arn}", parsed)

    def _policy(self, what: str, arn: Arn) -> Json | Unread | None:
        """The policy of a resource, by the call of its service.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
        """
        client, reader = self.client(arn.service), POLICY_READERS[arn.service]
        asked: Json = {reader.parameter: str(arn)}
        if arn.service == "s3":
            asked = {reader.parameter: arn.resource.partition("/")[0]}
        elif arn.service == "sqs":
            url = f"{client.meta.endpoint_url}/{arn.account}/{arn.resource}"
            asked = {reader.parameter: url, "AttributeNames": [reader.element]}

        def read() -> Json | None:
            methods = {action: name for name, action in client.meta.method_to_api_mapping.items()}
            answer: Json = getattr(client, methods[reader.action])(**asked)
            policy = (mapping(answer.get("Attributes")) or answer).get(reader.element)
            return json.loads(policy) if policy else None

        return _aws(what, f"{arn.service}:{reader.action}", _unless(NO_POLICY, read))

    def assume_with_web_identity(self, role_arn: str, token: Token, session_name: str) -> Answer:
        """Call AssumeRoleWithWebIdentity, which is not signed."""
        return _answer(
            lambda: self.client("sts", unsigned=True).assume_role_with_web_identity(
                RoleArn=role_arn, RoleSessionName=session_name, WebIdentityToken=token.raw
            ),
            _granted,
        )

    def assume_for_pod(self, cluster_name: str, token: Token) -> Answer | Unread:
        """Call AssumeRoleForPodIdentity as the agent of a node does; unread if the caller may not.

        https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
        """
        answer = _answer(
            lambda: self.client("eks-auth").assume_role_for_pod_identity(
                clusterName=cluster_name, token=token.raw
            ),
            _granted,
        )
        # EKS has AccessDeniedException as well for a role that it may not assume.
        if FOR_POD_IDENTITY in answer.message or answer.code == "NoCredentialsError":
            return Unread("a session of EKS Pod Identity", answer.text, FOR_POD_IDENTITY)
        return answer

    def assume_role(
        self,
        role_arn: str,
        session_name: str,
        external_id: str | None,
        seconds: int = DEFAULT_SESSION_DURATION,
    ) -> Answer:
        """Call AssumeRole."""
        more = {"ExternalId": external_id} if external_id else {}
        return _answer(
            lambda: self.client("sts").assume_role(
                RoleArn=role_arn, RoleSessionName=session_name, DurationSeconds=seconds, **more
            ),
            _granted,
        )

    @reads(_aws, "permission {action}", "iam:SimulatePrincipalPolicy")
    def simulate(self, caller_arn: str, action: str, resource: str) -> bool:
        """IAM's answer whether the policies of a user or role allow a call."""
        result: Json = self.client("iam").simulate_principal_policy(
            PolicySourceArn=caller_arn, ActionNames=[action], ResourceArns=[resource]
        )["EvaluationResults"][0]
        if missing := result.get("MissingContextValues"):
            raise ValueError(f"it depends on {', '.join(missing)}")
        return result["EvalDecision"] == "allowed"

    def caller(self) -> Answer:
        """Call GetCallerIdentity."""
        return _answer(
            lambda: self.client("sts").get_caller_identity(),
            lambda answer: Answer(True, answer["Arn"]),
        )

    def list_bucket(self, bucket: str) -> Answer:
        """Call ListObjectsV2 for one object."""
        return _answer(lambda: self.client("s3").list_objects_v2(Bucket=bucket, MaxKeys=1))

    def list_users(self) -> Answer:
        """Call ListUsers, which no role that reads data should be allowed."""
        return _answer(lambda: self.client("iam").list_users(MaxItems=1))


def _refuse_dead_proxy(caught_exception: Exception | None, **_: object) -> None:
    """Raise `CollectError` for a proxy that does not answer: no call can get past it."""
    from botocore.exceptions import ProxyConnectionError

    if isinstance(caught_exception, ProxyConnectionError):
        fix = 'after a restart of the sandbox run eval "$(python -m irsa_sandbox env)"'
        text = f"HTTPS_PROXY of this shell: {one_line(caught_exception)}; correct it, or {fix}"
        raise CollectError(text, undecided=True)


def _unless(codes: Collection[str], read: Callable[[], T]) -> Callable[[], T | None]:
    """Return ``read`` that gives None where AWS answers with one of these error codes."""
    from botocore.exceptions import ClientError

    def tried() -> T | None:
        try:
            return read()
        except ClientError as error:
            response: Json = error.response
            if response["Error"]["Code"] not in codes:
                raise
            return None

    return tried


def _granted(answer: Json) -> Answer:
    """The session that AWS granted, with its credentials; EKS's names begin with a small letter."""
    answer = {name.lower(): value for name, value in answer.items()}
    user, keys = (
        {name.lower(): value for name, value in answer[element].items()}
        for element in ("assumedroleuser", "credentials")
    )
    secrets = keys["secretaccesskey"], keys["sessiontoken"]
    session = Credentials(keys["accesskeyid"], *secrets, keys["expiration"].isoformat())
    return Answer(True, user["arn"], credentials=session)


def _answer(
    call: Callable[[], Json], read: Callable[[Json], Answer] = lambda _: Answer(True)
) -> Answer:
    """Make a call and say how AWS answered."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return read(call())
    except ClientError as error:
        response: Json = error.response
        refusal = response["Error"]
        return Answer(False, "", refusal["Code"], one_line(refusal.get("Message", "")))
    except BotoCoreError as error:
        return Answer(False, "", type(error).__name__, one_line(error))
