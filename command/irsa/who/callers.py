"""The callers of a whole account that may assume a role that trusts the account. Pure.

A trust policy that names an account leaves it to that account's own policies who may:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts
Its root user is not among them: STS lets no root user assume a role. What service control policies
of its organization forbid is not seen here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from irsa.access import judge
from irsa.decide.document import Kind
from irsa.decide.patterns import Key, Value
from irsa.decide.principals import Caller, caller_from_arn, session_of
from irsa.decide.statements import Policy, compile_policy
from irsa.decide.steps import ASSUME_ROLE, Step
from irsa.decide.trust_policy import compile_trust_policy
from irsa.decide.verdict import Verdict
from irsa.identity.arns import kind_of, name_of, parse_role_arn
from irsa.identity.policy_json import Json
from irsa.observe.facts import Role, Unread
from irsa.observe.shapes import mapping, mappings
from irsa.who.choices import EXTERNAL_ID, SESSION, SESSION_NAME, Asked, asked_by, calls, whatever

_PRINCIPAL_TAG = "aws:principaltag/"
UNLISTED = "not all of its policies were listed"


@dataclass(frozen=True, slots=True)
class AccountPrincipal:
    """A user or a role of an account, with its policies."""

    arn: str
    unique_id: str
    policies: tuple[Json, ...] | None
    """Its own, its groups' and those that are attached; None when one of them was not listed."""
    boundary: Json | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_role(self) -> bool:
        """True for a role, False for a user."""
        return kind_of(self.arn) == "role"

    def called(self, session: str | None) -> Caller:
        """Return it as a caller: of a role a session, whose name need not be known."""
        if self.is_role:
            return session_of(self.arn, session, self.unique_id)
        return caller_from_arn(self.arn, unique_id=self.unique_id)


@dataclass(frozen=True, slots=True)
class Callers:
    """The users and roles of one account that may assume one role."""

    account: str
    may: tuple[str, ...] = ()
    perhaps: tuple[tuple[str, str], ...] = ()
    """Undecided users and roles, each with the missing fact."""
    unread: Unread | None = None

    @property
    def texts(self) -> list[str]:
        """One line each."""
        if self.unread is not None:
            return [f"{self.unread.text}; {self.unread.remedy}"]
        if not self.may and not self.perhaps:
            return [f"no caller: no policy of account {self.account} allows it"]
        return [*self.may, *(f"perhaps {arn}: {why}" for arn, why in self.perhaps)]


def who_may(role: Role, account: str, callers: Sequence[AccountPrincipal] | Unread) -> Callers:
    """Return the callers of an account that may assume a role, as the evaluator decides it."""
    if isinstance(callers, Unread):
        return Callers(account, unread=callers)
    may: list[str] = []
    perhaps: list[tuple[str, str]] = []
    for caller in callers:
        if caller.arn == role.arn:
            continue  # it has what it would get
        verdict, why = _judged(role, caller)
        if verdict is Verdict.ALLOW:
            may.append(caller.arn)
        elif verdict is Verdict.UNKNOWN:
            perhaps.append((caller.arn, UNLISTED if caller.policies is None else why))
    return Callers(account, tuple(may), tuple(perhaps))


def _judged(role: Role, caller: AccountPrincipal) -> tuple[Verdict, str]:
    """Decide whether any call of the caller gets the role; with the fact that is missing.

    Only what no call can change is a denial.
    """
    documents = (role.trust_policy, *(caller.policies or ()), caller.boundary or {})
    asked = asked_by(documents)
    known = _known(role, caller, asked)
    # A session of a role may have further tags, and hide its role's, by those of its own call.
    tags = dict.fromkeys(asked.prefixed(_PRINCIPAL_TAG), Key.UNKNOWN) if caller.is_role else {}
    step = cache(partial(_step, role, caller))  # compiles the policies
    anyone = caller.called(None)
    answers = [
        judge(partial(_called, step, anyone, {**known, **tags, **context}))
        for context in whatever(asked)
    ]
    by_verdict = {each.verdict: each for each in answers}
    if Verdict.ALLOW in by_verdict or Verdict.UNKNOWN not in by_verdict:
        return (Verdict.ALLOW if Verdict.ALLOW in by_verdict else Verdict.DENY), ""
    variables = {**known, "aws:username": name_of(caller.arn)} if not caller.is_role else known
    named = caller.called(SESSION_NAME)
    for call in calls(asked, variables):
        answer = judge(partial(_called, step, named, {**known, **call}))
        if answer.verdict is Verdict.ALLOW:
            return Verdict.ALLOW, ""
    return Verdict.UNKNOWN, by_verdict[Verdict.UNKNOWN].deciding.removeprefix("missing fact: ")


def _known(role: Role, caller: AccountPrincipal, asked: Asked) -> dict[str, Value]:
    """Return the tags of both sides that policies ask for, as condition keys."""
    own = {
        _PRINCIPAL_TAG: caller.tags,
        "aws:resourcetag/": role.tags,
        "iam:resourcetag/": role.tags,
    }
    known: dict[str, Value] = {}
    for prefix, tags in own.items():
        lower = {name.lower(): value for name, value in tags.items()}
        for key in asked.prefixed(prefix):
            known[key] = lower.get(key.removeprefix(prefix), Key.ABSENT)
    return known


def _step(role: Role, caller: AccountPrincipal) -> Step:
    """Return the call without the values that the caller chooses."""
    policies, boundary = caller.policies, caller.boundary
    return Step(
        action=ASSUME_ROLE,
        resource=role.arn,
        role=parse_role_arn(role.arn),
        trust=compile_trust_policy(role.trust_policy),
        identity=None if policies is None else [*map(_compiled, policies)],
        boundary=None if boundary is None else _compiled(boundary),
        max_duration=role.max_session_duration,
    )


def _called(step: Callable[[], Step], caller: Caller, context: Mapping[str, Value]) -> Step:
    external_id, name = context.get(EXTERNAL_ID), context.get(SESSION)
    return replace(
        step(),
        caller=caller,
        session_name=name if isinstance(name, str) else None,
        external_id=external_id if isinstance(external_id, str) else None,
        context=context,
    )


def _compiled(document: Json) -> Policy:
    return compile_policy(document, "policy", Kind.IDENTITY)


def callers_of(details: Iterable[Json]) -> list[AccountPrincipal]:
    """The users and roles in the pages of GetAccountAuthorizationDetails.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
    """
    pages = list(details)

    def listed(kind: str) -> Iterator[Json]:
        return (each for page in pages for each in mappings(page.get(kind)))

    managed = {each["Arn"]: _default_version(each) for each in listed("Policies")}
    groups = {
        each["GroupName"]: _policies(each, "GroupPolicyList", managed)
        for each in listed("GroupDetailList")
    }
    users = [
        _caller(each, each["UserId"], "UserPolicyList", managed, groups)
        for each in listed("UserDetailList")
    ]
    roles = [
        _caller(each, each["RoleId"], "RolePolicyList", managed, {})
        for each in listed("RoleDetailList")
    ]
    return sorted([*users, *roles], key=lambda caller: caller.arn)


Listed = Sequence[Json | None]
"""Policy documents; None for one that was not listed."""


def _caller(
    listed: Json,
    unique_id: str,
    inline: str,
    managed: Mapping[str, Json | None],
    groups: Mapping[str, Listed],
) -> AccountPrincipal:
    own = _policies(listed, inline, managed)
    shared = [each for name in listed.get("GroupList", []) for each in groups.get(name, [None])]
    policies = [*own, *shared]
    known = tuple(each for each in policies if each is not None)
    boundary = mapping(listed.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
    return AccountPrincipal(
        arn=listed["Arn"],
        unique_id=unique_id,
        # A boundary that was not listed can forbid what the rest allows.
        policies=known if len(known) == len(policies) and boundary in (None, *managed) else None,
        boundary=managed.get(str(boundary)),
        tags={each["Key"]: each["Value"] for each in mappings(listed.get("Tags"))},
    )


def _policies(listed: Json, inline: str, managed: Mapping[str, Json | None]) -> list[Json | None]:
    own: list[Json | None] = [each["PolicyDocument"] for each in mappings(listed.get(inline))]
    attached = mappings(listed.get("AttachedManagedPolicies"))
    return [*own, *(managed.get(each["PolicyArn"]) for each in attached)]


def _default_version(policy: Json) -> Json | None:
    versions = mappings(policy.get("PolicyVersionList"))
    return next((each["Document"] for each in versions if each.get("IsDefaultVersion")), None)
