"""Facts of a cluster and of AWS: frozen values that the checks work on. Pure.

A fact is one of three things: its value, None for what does not exist, and `Unread` for what could
not be read, with the permission that reading it needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from irsa_core.identity.arns import account_of, issuer_of_principal, name_of
from irsa_core.identity.eks import (
    AUDIENCE_ANNOTATION,
    POD_IDENTITY_SERVICE,
    ROLE_ARN_ANNOTATION,
    STS_AUDIENCE,
)
from irsa_core.identity.policy_json import Json, principals, statements
from irsa_core.identity.quotas import DEFAULT_ROLE_SESSION_DURATION
from irsa_core.identity.subjects import ServiceAccountRef


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be read."""

    what: str
    """The fact, such as ``policy of bucket s3-app``."""
    reason: str
    """The service's own error, in one line."""
    permission: str
    """Permission that reading it needs, such as ``iam:GetRole``."""
    way_out: str = ""
    """The fix; empty when it is to grant the permission."""

    @property
    def text(self) -> str:
        """The whole story in one line."""
        return f"could not read {self.what}: needs {self.permission} ({self.reason})"

    @property
    def remedy(self) -> str:
        """The fix that makes it readable."""
        return self.way_out or f"grant {self.permission}"


class Unreached(Unread):
    """A fact of an API server that does not answer, or that something answers for."""


class NotMounted(Unread):
    """A file at a path where a container mounts nothing: only its image may have it."""


@dataclass(frozen=True, slots=True)
class ServiceAccountObject:
    """A Kubernetes service account."""

    namespace: str
    name: str
    annotations: Mapping[str, str]
    annotated_at: str = ""
    """Time of the last change of the role's annotation (ISO 8601); empty when that is not known."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    managers: tuple[str, ...] = ()
    """Programs that have set its fields, as the API server noted them."""

    @property
    def role_arn(self) -> str:
        """The role in its annotation, empty when there is none."""
        return self.annotations.get(ROLE_ARN_ANNOTATION, "")

    @property
    def subject(self) -> str:
        """The ``sub`` claim of its tokens."""
        return ServiceAccountRef(self.namespace, self.name).subject

    @property
    def audience(self) -> str:
        """The audience that the webhook asks for."""
        return self.annotations.get(AUDIENCE_ANNOTATION, STS_AUDIENCE)


@dataclass(frozen=True, slots=True)
class Owner:
    """Controller that creates and replaces a Pod: Deployment, StatefulSet, DaemonSet or Job."""

    kind: str
    """As `kubectl` spells it: ``deployment``."""
    name: str
    template: Json | None = None
    """Its ``spec.template``, before the webhook. None when it was not read."""
    trouble: str = ""
    """The reason why it cannot create Pods, in its controller's words; empty when it can."""
    paused: bool = False
    """True if its rollouts are paused, so that Pods of older templates stay."""
    on_delete: bool = False
    """True if its Pods stay until they are deleted: the update strategy OnDelete."""
    rolled_out: str = ""
    """Time at which its last rollout was complete (ISO 8601); empty when that is not known."""

    @property
    def pod_spec(self) -> Json:
        """The spec of its template; empty when it was not read."""
        return (self.template or {}).get("spec") or {}

    @property
    def service_account(self) -> str:
        """The name of the service account of its Pods."""
        return self.pod_spec.get("serviceAccountName", "default")

    @property
    def target(self) -> str:
        """Its name for `kubectl`: ``deployment/app``."""
        return f"{self.kind}/{self.name}"

    @property
    def title(self) -> str:
        """Its name in texts: ``Deployment app``."""
        return f"{KINDS.get(self.kind, self.kind)} {self.name}"

    @property
    def rolls(self) -> bool:
        """True if its template can be changed, for its next Pods; a Job's cannot."""
        return self.kind in ROLLING and self.template is not None

    @property
    def restarts(self) -> bool:
        """True if `kubectl rollout restart` replaces its Pods."""
        return self.rolls and not self.paused and not self.on_delete


_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet")
KINDS = {kind.lower(): kind for kind in _KINDS}
"""The API server's names of controllers, by `kubectl`'s."""
ROLLING = ("deployment", "statefulset", "daemonset")
RUNNING, PENDING = "Running", "Pending"
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Pod:
    """A Pod as the pod identity webhook left it."""

    name: str
    service_account: str
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    spec: Json
    owner: Owner | None = None
    phase: str = RUNNING
    ending: bool = False
    """True if it is being deleted."""
    created: str = ""
    """ISO 8601; empty when that is not known."""
    reason: str = ""
    """Reason of a waiting container, such as ``ImagePullBackOff``; empty when none waits."""
    message: str = ""
    """That reason in the kubelet's or the scheduler's words."""
    outdated: bool = False
    """True if its owner's template has been changed since."""
    uid: str = ""

    @property
    def deployment(self) -> str:
        """The Deployment that it belongs to, empty when it belongs to none."""
        return self.owner.name if self.owner and self.owner.kind == "deployment" else ""

    @property
    def template(self) -> Json | None:
        """Its owner's template."""
        return self.owner.template if self.owner else None

    @property
    def lives(self) -> bool:
        """True if it runs, or is to run: it is neither deleted nor at its end."""
        return not self.ending and self.phase not in ENDED


@dataclass(frozen=True, slots=True)
class Workloads:
    """The Pods of a namespace, newest first, and what makes Pods there."""

    pods: tuple[Pod, ...]
    owners: tuple[Owner, ...] = ()
    """The Deployments, with and without Pods."""


Values = Mapping[str, str | None]
"""A ConfigMap's or Secret's values by key. None is a value that was not kept: it may be secret."""

Objects = Mapping[tuple[str, str], "Values | Unread | None"]
"""ConfigMaps and Secrets by kind and name; None is one that does not exist."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """An AWS config or credentials file of a Pod, on a ConfigMap or Secret volume."""

    config_map: str
    """Name of the ConfigMap, or of the Secret."""
    key: str
    text: str | None
    """None when the object or its key does not exist. Secret values are not kept."""
    kind: str = "ConfigMap"


@dataclass(frozen=True, slots=True)
class Webhook:
    """The registration of the pod identity webhook with the API server."""

    configuration: str
    """Name of the MutatingWebhookConfiguration."""
    document: Json
    """Its entry there, with ``failurePolicy``."""


@dataclass(frozen=True, slots=True)
class RegisteredProvider:
    """An IAM OIDC provider, as it is registered in an account."""

    arn: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...] = ()
    """SHA-1 of certificates; IAM uses them where it does not know the issuer's authority."""

    @property
    def issuer_url(self) -> str:
        """The ``iss`` of the tokens that it stands for."""
        return f"https://{issuer_of_principal(self.arn)}"


@dataclass(frozen=True, slots=True)
class PermissionsPolicy:
    """A permissions policy of a role or user."""

    name: str
    document: Json | Unread
    arn: str = ""
    """ARN of a managed policy; empty for an inline one."""

    @property
    def content(self) -> Json:
        """Its document; empty for one that was not read."""
        return {} if isinstance(self.document, Unread) else self.document


@dataclass(frozen=True, slots=True)
class Principal:
    """An IAM user or role with its policies, those of a user's groups included."""

    arn: str
    unique_id: str
    policies: tuple[PermissionsPolicy, ...] | Unread = field(default=(), kw_only=True)
    boundary: PermissionsPolicy | Unread | None = field(default=None, kw_only=True)
    tags: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    in_account: str = field(default="", kw_only=True)
    """Its account, if that is known and the ARN is not."""

    @property
    def name(self) -> str:
        """Its name, without its path."""
        return name_of(self.arn)

    @property
    def account(self) -> str:
        """The account that it is in."""
        return account_of(self.arn) or self.in_account

    @property
    def known_policies(self) -> tuple[PermissionsPolicy, ...]:
        """Its policies as far as they were listed."""
        return () if isinstance(self.policies, Unread) else self.policies


@dataclass(frozen=True, slots=True)
class Role(Principal):
    """An IAM role with its policies."""

    trust_policy: Json
    max_session_duration: int = DEFAULT_ROLE_SESSION_DURATION

    @property
    def trusts_pod_identity(self) -> bool:
        """True if a statement of the trust policy names EKS Pod Identity."""
        listed = statements(self.trust_policy)
        return any(POD_IDENTITY_SERVICE in principals(each, "Service") for each in listed)


UNREACHED = "EndpointConnectionError"
"""Code of an answer that never came, as botocore names it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials of a role session, as STS returns them."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: str
    """ISO 8601."""


@dataclass(frozen=True, slots=True)
class Answer:
    """AWS's answer to a call that was made to see whether it is allowed."""

    allowed: bool
    arn: str = ""
    """ARN of the session or caller, where the call says one."""
    code: str = ""
    message: str = ""
    seconds: int = 0
    """Seconds of retries, in case AWS had not caught up with a change."""
    credentials: Credentials | None = None
    """Those of the session that AWS granted."""

    @property
    def text(self) -> str:
        """The error in one line."""
        return f"{self.code}: {self.message}"
