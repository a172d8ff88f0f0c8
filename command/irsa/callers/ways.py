"""The ways by which a caller may come to a role, and what each caller of one way chooses. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from irsa.access import ACCOUNT_TAGS
from irsa.callers import languages
from irsa.callers.classes import glob, text
from irsa.callers.facts import SAME, Asked, Call, Carrier, Fact, Facts, RoleFacts, Way
from irsa.callers.languages import SOME_TEXT, only
from irsa_core.decide.assume import SET_SOURCE_IDENTITY, TAG_SESSION
from irsa_core.decide.condition_keys import OPAQUE, claim_keys
from irsa_core.decide.document import Condition
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principals import UNIQUE_ID, Caller, caller_from_arn, session_of
from irsa_core.decide.statements import CompiledStatement
from irsa_core.decide.steps import AssumeRole, AssumeRoleWithWebIdentity, TokenClaims
from irsa_core.decide.web_identity import BUILT_IN
from irsa_core.identity.arns import (
    account_named_by,
    account_of,
    issuer_of_principal,
    kind_of,
    parse_arn,
    partition_of,
    provider_arn_for,
)
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.pod_identity import SESSION_TAGS
from irsa_core.identity.subjects import split_subject
from irsa_core.rules.conditions import split_key
from irsa_core.rules.issuers import GITHUB, is_dual_stack, is_misspelt_eks
from irsa_core.rules.issuers import issuer as known_issuer
from irsa_core.rules.tokens import is_kubernetes

_CLUSTER_KEYS = {
    "aws:sourcearn": SAME,
    "aws:sourceaccount": Carrier("arn:.*:eks:.*:", ":cluster/.*"),
    "aws:requesttag/eks-cluster-arn": SAME,
    "aws:requesttag/eks-cluster-name": Carrier(before=".*/"),
}
_ORGANIZATION = {
    "aws:principalorgid": Carrier(after="/.*"),
    "aws:principalorgpaths": SAME,
}
_NAMESPACE_TAG, _ACCOUNT_TAG = ACCOUNT_TAGS


def ways(statements: Sequence[CompiledStatement], facts: RoleFacts) -> Iterator[Way]:
    """Yield each way by which a caller may come to a role with one of the documents.

    Of a whole account that is one user or role with any name; of everyone, one of each account that
    some statement or condition names, and of one that none does.
    """
    conditions = Asked(statements).conditions
    facts = facts._replace(partition=_partition(statements, conditions))
    elements = [grant.principal for grant in statements if grant.allow and grant.principal]
    everyone = any(element.everyone or element.negated for element in elements)

    def named(kind: str, *, denied: bool = everyone) -> set[str]:
        of = [s.principal for s in statements if s.principal and (denied or s.allow)]
        return {one for element in of for one in element.entries.get(kind, ())} - {"*"}

    def about(kind: str, names: Callable[[str], bool]) -> Asked:
        """Return the demands of statements that may be about callers of a kind."""
        return Asked(
            [
                statement
                for statement in statements
                if (element := statement.principal) is None
                or element.everyone
                or element.negated
                or any(one == "*" or names(one) for one in element.entries.get(kind, ()))
            ]
        )

    providers = named("Federated")
    if everyone or any("*" in element.entries.get("Federated", ()) for element in elements):
        providers |= {*_any_provider(named("Federated", denied=True), conditions, facts)}
    for provider in sorted(providers):
        yield from _tokens(provider, about("Federated", provider.__eq__), facts)
    services = named("Service")
    if everyone:
        services |= {POD_IDENTITY_SERVICE, "some.amazonaws.com"}
    for service in sorted(services):
        yield from _service(service, about("Service", service.__eq__), facts)
    entries = named("AWS", denied=True)
    for account in sorted(_accounts(named("AWS"), conditions, facts, everyone=everyone)):
        asked = about("AWS", lambda one, it=account: it in one or bool(UNIQUE_ID.fullmatch(one)))
        yield from _principals(account, facts.partition, entries, asked)
        for entry in sorted(entries):
            if kind_of(entry) == "assumed-role" and account_of(entry) == account:
                fact = Fact("principal", only(entry), identity=True, apart=(text(entry),))
                yield calls_of(entry, fact, asked, caller_from_arn)


def _partition(statements: Sequence[CompiledStatement], conditions: Iterable[Condition]) -> str:
    """The partition that documents are about: no role trusts a caller of another one."""
    elements = (each.principal.entries.values() for each in statements if each.principal)
    entries = (one for element in elements for each in element for one in each)
    written = chain(entries, (value for each in conditions for value in each.values))
    spelt = (re.match(r"arn:(aws(?:-[a-z]+)+):", each) for each in written)
    return next((match[1] for match in spelt if match), "aws")


def _any_provider(
    named: set[str], conditions: Iterable[Condition], facts: RoleFacts
) -> Iterator[str]:
    """The providers that are registered, or that some statement or condition names."""
    if facts.every_provider:
        yield from facts.client_ids
        return
    yield from named
    asked = [demand for demand in conditions if demand.key.lower() == "aws:federatedprovider"]
    yield from (one for demand in asked for one in demand.values if not set(one) & {"*", "?", "$"})
    issuers = {issuer_of_principal(arn).lower() for arn in named}
    hosts = {
        e.key.rpartition(":")[0] for e in conditions if split_key(e.key)[0] not in ("", *issuers)
    }
    account, partition = facts.account or _EXAMPLE, facts.partition
    for host in sorted(hosts) or ["oidc.example.com"] * (not named):
        yield host if host in BUILT_IN else provider_arn_for(host, account, partition=partition)


def _accounts(
    entries: Iterable[str], conditions: Sequence[Condition], facts: RoleFacts, *, everyone: bool
) -> set[str]:
    accounts = {account_named_by(entry) or account_of(entry) for entry in entries} - {""}
    if not everyone:
        return accounts
    accounts |= {facts.account} - {""}
    values = [(demand.key.lower(), value) for demand in conditions for value in demand.values]
    written = [value for key, value in values if key == "aws:principalaccount"]
    arns = (parse_arn(value) for key, value in values if key == "aws:principalarn")
    written += [arn.account for arn in arns if arn]
    patterns = [glob(account, wildcards=True, variables=True) for account in (*written, *accounts)]
    return {value for value, _ in languages.ACCOUNTS.classes(tuple(filter(None, patterns)))}


def _tokens(provider: str, asked: Asked, role_facts: RoleFacts) -> Iterator[Way]:
    """Tokens of a provider, as far as it can exist and is registered in the role's account."""
    issuer, account = issuer_of_principal(provider), account_of(provider)
    registered = not role_facts.every_provider or provider in role_facts.client_ids or not account
    opaque = kind_of(provider) == "saml-provider" or provider in OPAQUE
    never = "://" in issuer or "*" in issuer or is_misspelt_eks(issuer) or is_dual_stack(issuer)
    foreign = account and role_facts.account not in ("", account)
    if never or foreign or opaque or not registered:
        return
    prefix, keys = f"{issuer.lower()}:", asked.keys
    kubernetes = is_kubernetes(issuer, role_facts.issuers, asked.conditions)
    ids, shared = role_facts.client_ids.get(provider), known_issuer(issuer)
    # Names of repositories, branches and pipelines have neither * nor ?.
    named = languages.NAMED if shared and shared.names_its_parts else languages.NAMES
    named = languages.GITHUB_SUBJECTS if shared and shared.name == GITHUB.name else named
    subjects = languages.SUBJECTS if kubernetes else named if shared else SOME_TEXT
    facts = [
        Fact("sub", subjects, {f"{prefix}sub": SAME}, identity=True),
        Fact(
            "aud",
            only(*ids) if ids else languages.AUDIENCES if kubernetes else SOME_TEXT,
            {f"{prefix}aud": SAME} | ({f"{prefix}oaud": SAME} if kubernetes else {}),
            several=True,
        ),
        _SESSION_NAME,
    ]
    claims = [] if kubernetes else ["amr", "email", "oaud", *claim_keys(issuer)]
    facts += [
        Fact(name, SOME_TEXT, {f"{prefix}{name}": SAME}, name != "oaud", several=name == "amr")
        for name in claims
        if f"{prefix}{name}" in keys
    ]
    names = {fact.name for fact in facts} - {_SESSION_NAME.name}
    passed = [] if kubernetes else _passed(asked)

    def call(values: Facts) -> Call:
        claimed = {name: values[name] for name in names if values[name] is not Key.ABSENT}
        if "oaud" in claimed:  # where a token has azp, that is aud
            claimed |= {"aud": claimed.pop("oaud"), "azp": values["aud"]}
        texts = {n: list(fact) if isinstance(fact, tuple) else fact for n, fact in claimed.items()}
        return AssumeRoleWithWebIdentity(
            resource=_role(account or role_facts.account, partition_of(provider)),
            token=TokenClaims({"iss": f"https://{issuer}", "exp": 1, "iat": 0, **texts}),
            context=_context([_SESSION_NAME, *passed], values),
        )

    def who(subject: str) -> str:
        parts = split_subject(subject)
        if kubernetes and not subject:
            return f"every service account of the cluster {issuer}"
        if kubernetes and parts:
            many = "s" * bool(set(subject) & {"*", "?"})
            return f"service account{many} {'/'.join(parts)} of the cluster {issuer}"
        name = shared.name if shared else f"the cluster {issuer}" if kubernetes else issuer
        if subject:
            return f"tokens of {name} whose sub is {subject}"
        return shared.everybody if shared else f"every user who signs in at {issuer}"

    yield Way(who, provider, (*facts, *passed), call, asked.conditions)


_EXAMPLE = "111122223333"


def _role(account: str, partition: str = "aws") -> str:
    """A role, which no document that is asked names."""
    return f"arn:{partition}:iam::{account or _EXAMPLE}:role/r"


_SESSION_NAME = Fact("session name", languages.SESSION_NAMES, {"sts:rolesessionname": SAME})
_SOURCE_IDENTITY = Fact(
    "source identity", languages.SESSION_NAMES, {"sts:sourceidentity": SAME}, optional=True
)
_EXTERNAL_ID = Fact("external id", languages.EXTERNAL_IDS, {"sts:externalid": SAME}, optional=True)
NAMING_TAGS = ("aws:tagkeys", "sts:transitivetagkeys")
"""Keys that the facts of tags carry together."""
_TRANSITIVE = Fact("transitive tags", only("all"), optional=True)
_TAG = "aws:requesttag/"


def _passed(asked: Asked) -> list[Fact]:
    """A source identity and session tags, as far as a statement asks for them or lets them pass."""
    keys = asked.keys
    names = {e.partition("/")[2]: keys[e].partition("/")[2] for e in keys if e.startswith(_TAG)}
    naming = [condition for condition in asked.conditions if condition.key.lower() in NAMING_TAGS]
    patterns = [glob(v, wildcards=True, variables=e.variables) for e in naming for v in e.values]
    if naming or (asked.covers(TAG_SESSION) and not names):
        for tag, _ in languages.TAG_NAMES.classes(tuple(filter(None, patterns))):
            names.setdefault(tag.lower(), tag)
    facts = [
        Fact(f"tag {name}", languages.TAG_VALUES, {f"{_TAG}{lower}": SAME}, optional=True)
        for lower, name in names.items()
    ]
    if asked.covers(SET_SOURCE_IDENTITY) or "sts:sourceidentity" in keys:
        facts.append(_SOURCE_IDENTITY)
    return facts + [_TRANSITIVE] * ("sts:transitivetagkeys" in keys)


def _context(facts: Iterable[Fact], values: Facts) -> dict[str, Value]:
    """The condition keys of facts, and those that name the session tags among these."""
    keys = {key: it.read(values[fact.name]) for fact in facts for key, it in fact.keys.items()}
    passed = [name for name, value in values.items() if value is not Key.ABSENT]
    if tags := tuple(name.removeprefix("tag ") for name in passed if name.startswith("tag ")):
        naming = NAMING_TAGS if _TRANSITIVE.name in passed else NAMING_TAGS[:1]
        keys |= dict.fromkeys(naming, tags)
    return keys


def _service(service: str, asked: Asked, role_facts: RoleFacts) -> Iterator[Way]:
    role = _role(role_facts.account, role_facts.partition)

    def way(who: Callable[..., str], *facts: Fact, tags: Sequence[str] = ()) -> Way:
        keys: dict[str, Value] = dict.fromkeys(_ORGANIZATION, Key.ABSENT)  # no service is in one
        keys |= dict.fromkeys(tags, SESSION_TAGS)

        def call(values: Facts) -> Call:
            context = {**keys, **_context(facts, values)}
            return AssumeRole(resource=role, caller=Caller("service", service), context=context)

        return Way(who, service, facts, call, asked.conditions, service != POD_IDENTITY_SERVICE)

    if service != POD_IDENTITY_SERVICE:
        sources = (
            Fact("source", SOME_TEXT, {"aws:sourcearn": SAME}, optional=True),
            Fact("source account", languages.ACCOUNTS, {"aws:sourceaccount": SAME}, optional=True),
        )
        sent = (fact for fact in sources if asked.keys.keys() & fact.keys.keys())
        yield way(lambda: f"the service {service}", *sent, _SESSION_NAME)
        return
    arns = languages.clusters(role_facts.account, role_facts.partition)
    cluster = Fact("cluster", arns, _CLUSTER_KEYS, identity=True)
    names = languages.SERVICE_ACCOUNTS
    accounts = (
        Fact("namespace", languages.NAMESPACES, {_NAMESPACE_TAG: SAME}, identity=True),
        Fact("service account", names, {_ACCOUNT_TAG: SAME}, identity=True),
        Fact("Pod", names, {"aws:requesttag/kubernetes-pod-name": SAME}),
        Fact("uid", SOME_TEXT, {"aws:requesttag/kubernetes-pod-uid": SAME}),
    )

    def who(cluster: str, namespace: str = "", name: str = "", tags: str = "") -> str:
        accounts = f"service accounts {namespace or '*'}/{name or '*'}"
        if namespace and name and not set(namespace + name) & {"*", "?"}:
            accounts = f"service account {namespace}/{name}"
        place = f"the cluster {cluster}" if cluster else "any cluster"
        return f"{accounts} by associations in {place}{tags}"

    source = {key: carrier for key, carrier in _CLUSTER_KEYS.items() if "tag" not in key}
    yield way(who, cluster, *accounts, _SESSION_NAME, tags=NAMING_TAGS)
    untagged = cluster._replace(keys=source)
    yield way(partial(who, tags=" without session tags"), untagged, _SESSION_NAME)


def _principals(
    account: str, partition: str, entries: Iterable[str], asked: Asked
) -> Iterator[Way]:
    of_account = [each for each in entries if account_of(each) == account]
    for kind in ("role", "user"):
        apart = tuple(text(each) for each in of_account if kind_of(each) == kind)
        language = languages.principals(account, partition, kind)
        fact = Fact("principal", language, {"aws:principalarn": SAME}, identity=True, apart=apart)
        yield calls_of(f"{account} {kind}", fact, asked, _caller)


def _caller(arn: str) -> Caller:
    """A user or role with an id that no document names: it has its name, and no deleted one's."""
    if kind_of(arn) == "user":
        return caller_from_arn(arn, unique_id="AIDA" + "X" * 17)
    return session_of(arn, "session", "AROA" + "X" * 17)


def calls_of(
    principal: str,
    fact: Fact,
    asked: Asked,
    caller: Callable[[str], Caller],
    tags: Mapping[str, str] | None = None,
) -> Way:
    """Return the calls of callers with credentials, with what they choose; ``tags`` are their own,
    None where these are not known."""
    keys = asked.keys
    own_tags = None if tags is None else {n.lower(): only(value) for n, value in tags.items()}
    traits: list[Fact] = []
    for key in keys:
        if key.startswith("aws:principaltag/"):
            name, tag = f"its tag {keys[key].partition('/')[2]}", key.partition("/")[2]
            values = languages.TAG_VALUES if own_tags is None else own_tags.get(tag, only())
            traits.append(Fact(name, values, {key: SAME}, own_tags is None or tag not in own_tags))
    asked_of = {key: carrier for key, carrier in _ORGANIZATION.items() if key in keys}
    if asked_of and fact.apart is not None:
        traits.append(Fact("organization", languages.ORGANIZATIONS, asked_of, optional=True))
    facts = (fact, *traits, _SESSION_NAME, *_passed(asked))
    if "sts:externalid" in keys:
        facts = (*facts, _EXTERNAL_ID)

    def call(values: Facts) -> Call:
        arn = str(values[fact.name])
        role = _role(account_of(arn), partition_of(arn))
        return AssumeRole(resource=role, caller=caller(arn), context=_context(facts, values))

    return Way(str, principal, facts, call, asked.conditions)
