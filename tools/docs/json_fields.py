"""The types of what the commands print with ``--output json``.

docs/json.md is made of them, and `tools.docs.json_page` compares them with the output of commands.
"""

from typing import Any, NotRequired, TypedDict


class DecideError(TypedDict):
    """AWS's error."""

    code: str
    """AWS's code, such as `AccessDenied`."""
    http: int
    """HTTP status."""
    message: str
    """AWS's text."""


class DecideStep(TypedDict):
    """A call of the scenario."""

    decision: str
    """`allow`, `deny` or `unknown`."""
    reasons: list[str]
    """The reasons of the decision, a line each."""
    missing: NotRequired[list[str]]
    """Fields and condition keys without which it is unknown."""


class Answer(TypedDict):
    """Fields of every command's object but that of `credentials`."""

    version: int
    """Version of the fields: 1. It changes when a field is removed or renamed."""


class Judged(Answer):
    """Fields of every command that reads facts."""

    unchecked: list[str]
    """Facts that were not read, and what was not checked, a line each."""


class DecideAnswer(Answer):
    """The answer to the scenario."""

    decision: str
    """`allow`, `deny` or `unknown`."""
    failing_step: int | None
    """Number, from 1, of the step that is refused or, failing that, not decided."""
    error: DecideError | None
    """Of the failing step, if it is refused."""
    steps: list[DecideStep]
    """Up to the step that is refused."""
    not_considered: NotRequired[str]
    """Kinds of policies that could deny an allowed scenario and were not given."""


class VerifyLink(TypedDict):
    """A checked link."""

    link: str
    """Name of the [link](commands.md#the-links-of-verify)."""
    title: str
    """The claim of the link."""
    status: str
    """`passed`, `failed`, `unknown` or `not asked`."""
    expected: str
    """The expectation."""
    found: str
    """The finding."""
    remedy: str
    """The fix in words; empty if the link needs none."""
    commands: list[str]
    """The commands of the fix, in order."""


class VerifyChain(TypedDict):
    """The chain of a service account, or of one of its profiles that leads to role B."""

    namespace: str
    """Of the service account."""
    service_account: str
    """Its name."""
    profile: str | None
    """Profile that leads to role B."""
    role_b: str | None
    """ARN of role B."""
    verdict: str
    """`passed`, `failed` or `unknown`."""
    failing_link: str | None
    """Key of the first link that failed."""
    links: list[VerifyLink]
    """In the order of a request."""


class VerifyReport(Judged):
    """The chains that were asked for."""

    context: str
    """Context of the kubeconfig."""
    cluster: str
    """Name of the cluster."""
    account: str
    """Account of the credentials, or `unknown`."""
    chains: list[VerifyChain]
    """One for each service account and profile."""


class ExplainTree(TypedDict):
    """A node of the tree."""

    label: str
    """Its text."""
    children: "list[ExplainTree]"
    """The nodes below it."""


class ExplainReport(Judged):
    """The chains or roles."""

    trees: list[ExplainTree]
    """A tree for each chain, or for each role of a file."""


class AuditFinding(TypedDict):
    """A finding."""

    rule: str
    """Name of the [rule](commands.md#the-rules-of-audit)."""
    severity: str
    """`error`, `warning` or `note`."""
    cluster: str | None
    """Context of its cluster, if several clusters are audited."""
    account: str
    """Account of its subject."""
    subject: str
    """Service account, role, user or OIDC provider, such as `role arn:…`."""
    text: str
    """The rule's finding."""
    why: str
    """The rule's reason."""
    found: str
    """The finding."""
    remedy: str
    """The fix."""
    page: str
    """Page of the documentation on which the rule rests."""


class AuditReport(Judged):
    """The audit."""

    findings: list[AuditFinding]
    """The findings that the baseline leaves."""


class DiffChange(TypedDict):
    """Callers of a role, or calls of it, whose access changes."""

    effect: str
    """`gains`, `may gain`, `loses`, `may lose` or `undecided`."""
    of: str
    """`callers`, or `permissions` for calls of the role itself."""
    who: str
    """The callers or calls, as the policy's pattern."""
    conditions: list[str]
    """Further conditions, in the policy's words."""
    statement: int | None
    """Number of the statement, from 1."""
    witness: dict[str, str | list[str]]
    """Facts of one caller or call that gained or lost."""


class DiffRole(TypedDict):
    """A role whose access changes."""

    role: str
    """ARN, or the name while the ARN is not known; for two policies, the second file."""
    changes: list[DiffChange]
    """Its changes."""
    undecided: list[str]
    """Reasons why a change is not known."""


class DiffReport(Judged):
    """The comparison."""

    roles: list[DiffRole]
    """Roles whose access changes."""


class ListAssociation(TypedDict):
    """An EKS Pod Identity association."""

    arn: str
    """Its ARN."""
    target_role: str | None
    """ARN of the target role."""
    session_policy: str | None
    """Its session policy."""
    session_tags: bool
    """False if it disables EKS's session tags."""
    owner: str | None
    """ARN of the add-on that owns it."""


class ListIdentity(TypedDict):
    """A form of identity of the Pods."""

    kind: str
    """`access key`, `Pod Identity`, `IRSA` or `IRSA by profile`."""
    source: str
    """ARN of the role, or where an access key comes from; empty if unknown."""
    targets: NotRequired[list[str]]
    """Roles that the role's own policies name for it to assume."""
    association: NotRequired[ListAssociation]
    """Of Pod Identity, if it was read."""


class ListServiceAccount(TypedDict):
    """A service account."""

    cluster: str | None
    """Context of its cluster."""
    account: str
    """Account of its cluster."""
    namespace: str
    """Its namespace."""
    name: str
    """Its name."""
    identities: list[ListIdentity]
    """All that were seen; what wins comes first."""
    pods: list[str] | None
    """Names of its Pods or their controllers; null if they were not read."""
    pods_without_role: int | None
    """Pods that are older than the annotation or association, or were left out."""
    secrets_not_read: list[str] | None
    """Secrets that become variables as a whole, and may hold an access key."""
    trusted_by: list[str]
    """Roles that name it for an association that does not exist."""
    role_last_used: str | None
    """ISO 8601; empty for not in 400 days, null if unknown."""
    further_clusters: int | None
    """Clusters that still fit into its roles' trust policies of 2,048 characters."""
    findings: list[str]
    """Rules of `audit` that found something about it or its role."""


class ListCluster(TypedDict):
    """A cluster that was read."""

    name: str | None
    """Its context."""
    issuer: str
    """Issuer of its tokens."""
    account: str
    """Its account."""


class ListReport(Judged):
    """The listing, also for `--since`."""

    clusters: list[ListCluster]
    """The clusters."""
    service_accounts: list[ListServiceAccount]
    """All service accounts, by cluster, namespace and name."""
    notes: list[str]
    """Facts of single service accounts that were not read or are not counted, a line each."""


class DoctorDenial(TypedDict):
    """The denial that the text describes; null for a part that it lacks."""

    action: str
    """The action, such as `s3:ListBucket`."""
    caller: str | None
    """ARN of the caller."""
    resource: str | None
    """ARN of the resource."""
    policy_type: str | None
    """Type of the policy that AWS names."""
    refusal: str
    """`explicit deny`, `no allow` or `not said`."""
    policy_arn: str | None
    """ARN of the policy with the Deny."""


class DoctorCause(TypedDict):
    """A cause."""

    id: str
    """Its name, unique within the error."""
    cause: str
    """The cause."""
    check: str
    """The command or look that shows whether it is this one."""
    link: str | None
    """Link of `verify` that shows it."""
    source: str | None
    """Thread (`owner/repository#number`) that it solved, or page."""


class DoctorError(TypedDict):
    """A known error that the text has."""

    key: str
    """Its name in [troubleshooting.md](troubleshooting.md#all-known-errors)."""
    error: str
    """The text, as AWS or the SDK writes it."""
    meaning: str
    """Its meaning."""
    denial: DoctorDenial | None
    """If the text is one of AWS's denials."""
    causes: list[DoctorCause]
    """The likeliest first."""


class DoctorReport(Answer):
    """The errors of the text."""

    errors: list[DoctorError]
    """The known ones; empty if there is none."""
    verify: str
    """The command that checks the chain, with the names of the text."""
    calls: list[str]
    """The calls with which AWS explains a denial that has an authorization id."""


class ProcessCredentials(TypedDict):
    """The document that SDKs read from a `credential_process`."""

    Version: int
    """1."""
    AccessKeyId: str
    """Of the session."""
    SecretAccessKey: str
    """Of the session."""
    SessionToken: str
    """Of the session."""
    Expiration: str
    """ISO 8601."""


class TakeoverComponent(TypedDict):
    """A component that takes resources over."""

    component: str | None
    """Its class; null for a resource that no component makes."""
    name: str
    """Logical name of the resource."""
    arguments: dict[str, Any]
    """Arguments of the component."""
    taken_over: dict[str, str]
    """The resources by the component's child."""
    by_hand: list[str]
    """The parts that the arguments do not cover."""


class TakeoverReport(Judged):
    """The resources that the program takes over."""

    move: list[str]
    """Words of the command that moves the resources to another stack; empty for the same stack."""
    components: list[TakeoverComponent]
    """The components."""


class Stopped(Answer):
    """The object of a command that could not answer."""

    problem: str
    """The line of stderr."""


OUTPUTS: dict[str, Any] = {
    "decide": DecideAnswer,
    "verify": VerifyReport,
    "explain": ExplainReport,
    "audit": AuditReport,
    "diff": DiffReport,
    "list": ListReport,
    "doctor": DoctorReport,
    "credentials": ProcessCredentials,
    "takeover": TakeoverReport,
    "an error": Stopped,
}
"""The type of each command's JSON."""
