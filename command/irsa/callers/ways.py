"""The ways by which a caller may come to a role, and what each caller of one way chooses. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from irsa.access import ACCOUNT_TAGS
from irsa.callers.classes import RUN, glob, joined, text
from irsa.callers.facts import (
    SAME,
    Asked,
    Call,
    Carrier,
    Fact,
    Facts,
    RoleFacts,
    Way,
    asked_by,
    carried,
)
from irsa.callers.languages import (
    ACCOUNTS,
    AUDIENCES,
    EXTERNAL_IDS,
    GITHUB_SUBJECTS,
    NAMED,
    NAMES,
    NAMESPACES,
    ORGANIZATIONS,
    SERVICE_ACCOUNTS,
    SESSION_NAMES,
    SOME_TEXT,
    SUBJECTS,
    TAG_NAMES,
    TAG_VALUES,
    clusters,
    only,
    principals,
)
from irsa_core.decide.association import call_keys
from irsa_core.decide.assume import SET_SOURCE_IDENTITY, TAG_SESSION
from irsa_core.decide.condition_keys import OPAQUE, claim_keys
from irsa_core.decide.document import Condition
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principal_element import UNIQUE_ID
from irsa_core.decide.principals import Caller, caller_from_arn, session_of
from irsa_core.decide.statements import CompiledStatement
from irsa_core.decide.steps import AssumeRole, AssumeRoleWithWebIdentity, TokenClaims
from irsa_core.decide.web_identity import BUILT_IN
from irsa_core.identity.arns import (
    account_named_by,
    account_of,
    issuer_of_principal,
    kind_of,
    name_of,
    parse_arn,
    partition_of,
    provider_arn_for,
)
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.subjects import ServiceAccountRef, split_subject
from irsa_core.rules.conditions import split_key
from irsa_core.rules.issuers import GITHUB, is_dual_stack, is_misspelt_eks
from irsa_core.rules.issuers import issuer as known_issuer
from irsa_core.rules.tokens import is_kubernetes


def _organization(path: str) -> str:
    return path.partition("/")[0]


_CLUSTER_KEYS = {
    "aws:sourcearn": SAME,
    "aws:sourceaccount": Carrier(
        joined(text("arn:"), (RUN,), text(":eks:"), (RUN,), text(":")),
        (*text(":cluster/"), RUN),
        account_of,
    ),
    "aws:requesttag/eks-cluster-arn": SAME,
    "aws:requesttag/eks-cluster-name": Carrier((RUN, *text("/")), (), name_of),
}
_ORGANIZATION = {
    "aws:principalorgid": Carrier((), (*text("/"), RUN), _organization),
    "aws:principalorgpaths": SAME,
}
_NAMESPACE_TAG, _ACCOUNT_TAG = ACCOUNT_TAGS


def ways(statements: Sequence[CompiledStatement], facts: RoleFacts) -> Iterator[Way]:
    """Yield each way by which a caller may come to a role with one of the documents.

    Of a whole account that is one user or role with any name; of everyone, one of each account that
    some condition names, and of one that none does.
    """
    conditions = [test.condition for statement in statements for test in statement.conditions]
    facts = replace(facts, partition=_partition(statements, conditions))
    elements = [grant.principal for grant in statements if grant.allow and grant.principal]
    everyone = any(element.everyone or element.negated for element in elements)

    def named(kind: str, *, denied: bool = False) -> set[str]:
        of = [s.principal for s in statements if s.principal and (denied or s.allow)]
        return {one for element in of for one in element.entries.get(kind, ())} - {"*"}

    def about(kind: str, names: Callable[[str], bool]) -> Asked:
        """Return the demands of statements that may be about callers of a kind."""
        return asked_by(
            statement
            for statement in statements
            if statement.principal is None
            or statement.principal.everyone
            or statement.principal.negated
            or any(one == "*" or names(one) for one in statement.principal.entries.get(kind, ()))
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
    spelt = (_OTHER_PARTITION.match(each) for each in written)
    return next((match[1] for match in spelt if match), "aws")


_OTHER_PARTITION = re.compile(r"arn:(aws(?:-[a-z]+)+):")


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
    return {kind.value for kind in ACCOUNTS.classes(tuple(filter(None, patterns)))}


def _tokens(provider: str, asked: Asked, role_facts: RoleFacts) -> Iterator[Way]:
    """Tokens of a provider, as far as it can exist and is registered in the role's account."""
    issuer, account = issuer_of_principal(provider), account_of(provider)
    registered = not role_facts.every_provider or provider in role_facts.client_ids or not account
    opaque = kind_of(provider) == "saml-provider" or provider in OPAQUE
    never = "://" in issuer or "*" in issuer or is_misspelt_eks(issuer) or is_dual_stack(issuer)
    if never or not registered or opaque:
        return
    if account and role_facts.account not in ("", account):
        return
    prefix, keys = f"{issuer.lower()}:", asked.keys
    kubernetes = is_kubernetes(issuer, role_facts.issuers, asked.conditions)
    ids, shared = role_facts.client_ids.get(provider), known_issuer(issuer)
    # Names of repositories, branches and pipelines have neither * nor ?.
    named = NAMED if shared and shared.names_its_parts else NAMES
    named = GITHUB_SUBJECTS if shared and shared.name == GITHUB.name else named
    subjects = SUBJECTS if kubernetes else named if shared else SOME_TEXT
    facts = [
        Fact("sub", subjects, {f"{prefix}sub": SAME}, identity=True),
        Fact(
            "aud",
            only(*ids) if ids else AUDIENCES if kubernetes else SOME_TEXT,
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
    if not kubernetes:
        facts += _passed(asked)

    def call(values: Facts) -> Call:
        claimed = {name: values[name] for name in names if values[name] is not Key.ABSENT}
        if "oaud" in claimed:  # where a token has azp, that is aud
            claimed |= {"aud": claimed.pop("oaud"), "azp": values["aud"]}
        texts = {n: list(fact) if isinstance(fact, tuple) else fact for n, fact in claimed.items()}
        return AssumeRoleWithWebIdentity(
            resource=_role(account or role_facts.account, partition_of(provider)),
            token=TokenClaims({"iss": f"https://{issuer}", "exp": 1, "iat": 0, **texts}),
            only="resource",
            session_name=str(values[_SESSION_NAME.name]),
            context=_context(values),
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

    yield Way(who, provider, tuple(facts), call, asked.conditions)


_EXAMPLE = "111122223333"


def _role(account: str, partition: str = "aws") -> str:
    """A role, which no document that is asked names."""
    return f"arn:{partition}:iam::{account or _EXAMPLE}:role/r"


_SESSION_NAME = Fact("session name", SESSION_NAMES, {"sts:rolesessionname": SAME})
_SOURCE_IDENTITY = Fact(
    "source identity", SESSION_NAMES, {"sts:sourceidentity": SAME}, optional=True
)
_EXTERNAL_ID = Fact("external id", EXTERNAL_IDS, {"sts:externalid": SAME}, optional=True)
_NAMING_TAGS = ("aws:tagkeys", "sts:transitivetagkeys")
_TRANSITIVE = Fact("transitive tags", only("all"), optional=True)
_TAG = "aws:requesttag/"


def _passed(asked: Asked) -> list[Fact]:
    """A source identity and session tags, as far as a statement asks for them or lets them pass."""
    keys = asked.keys
    names = {e.partition("/")[2]: keys[e].partition("/")[2] for e in keys if e.startswith(_TAG)}
    naming = [condition for condition in asked.conditions if condition.key.lower() in _NAMING_TAGS]
    patterns = [glob(v, wildcards=True, variables=e.variables) for e in naming for v in e.values]
    if naming or (TAG_SESSION in asked.passing and not names):
        for tag in TAG_NAMES.classes(tuple(filter(None, patterns))):
            names.setdefault(tag.value.lower(), tag.value)
    facts = [
        Fact(f"tag {name}", TAG_VALUES, {f"{_TAG}{lower}": SAME}, optional=True)
        for lower, name in names.items()
    ]
    if SET_SOURCE_IDENTITY in asked.passing or "sts:sourceidentity" in keys:
        facts.append(_SOURCE_IDENTITY)
    return facts + [_TRANSITIVE] * ("sts:transitivetagkeys" in keys)


def _context(values: Facts) -> dict[str, Value]:
    """The condition keys of what a call passes."""
    passed = {n: v for n, v in values.items() if v is not Key.ABSENT}
    tags = {n.removeprefix("tag "): v for n, v in passed.items() if n.startswith("tag ")}
    keys: dict[str, Value] = {f"{_TAG}{name.lower()}": tags[name] for name in tags}
    if tags:
        keys["aws:tagkeys"] = tuple(tags)
        if _TRANSITIVE.name in passed:
            keys["sts:transitivetagkeys"] = tuple(tags)
    if _SOURCE_IDENTITY.name in passed:
        keys["sts:sourceidentity"] = passed[_SOURCE_IDENTITY.name]
    return keys


def _service(service: str, asked: Asked, role_facts: RoleFacts) -> Iterator[Way]:
    caller = Caller("service", service)
    role = _role(role_facts.account, role_facts.partition)

    def called(keys: Mapping[str, Value], values: Facts) -> Call:
        name = str(values[_SESSION_NAME.name])
        outside = dict.fromkeys(_ORGANIZATION, Key.ABSENT)  # no service is in an organization
        return AssumeRole(
            resource=role,
            caller=caller,
            only="resource",
            session_name=name,
            context={**outside, **keys},
        )

    if service != POD_IDENTITY_SERVICE:
        sources = [
            Fact("source", SOME_TEXT, {"aws:sourcearn": SAME}, optional=True),
            Fact("source account", ACCOUNTS, {"aws:sourceaccount": SAME}, optional=True),
        ]
        sources = [fact for fact in sources if asked.keys.keys() & fact.keys.keys()]

        def of_source(values: Facts) -> Call:
            keys = {key: values[fact.name] for fact in sources for key in fact.keys}
            return called(keys, values)

        facts = (*sources, _SESSION_NAME)
        yield Way(
            lambda: f"the service {service}", service, facts, of_source, asked.conditions, open=True
        )
        return
    cluster = Fact(
        "cluster", clusters(role_facts.account, role_facts.partition), _CLUSTER_KEYS, identity=True
    )
    accounts = (
        Fact("namespace", NAMESPACES, {_NAMESPACE_TAG: SAME}, identity=True),
        Fact("service account", SERVICE_ACCOUNTS, {_ACCOUNT_TAG: SAME}, identity=True),
        Fact("Pod", SERVICE_ACCOUNTS, {"aws:requesttag/kubernetes-pod-name": SAME}),
        Fact("uid", SOME_TEXT, {"aws:requesttag/kubernetes-pod-uid": SAME}),
    )

    def associated(values: Facts) -> Call:
        account = ServiceAccountRef(str(values["namespace"]), str(values["service account"]))
        keys = call_keys(str(values["cluster"]), account)
        pod = {key: values[fact.name] for fact in accounts[2:] for key in fact.keys}
        return called({**keys, **pod}, values)

    def untagged(values: Facts) -> Call:
        account = ServiceAccountRef("", "")
        return called(call_keys(str(values["cluster"]), account, disable_session_tags=True), values)

    def who(cluster: str, namespace: str = "", name: str = "") -> str:
        accounts = f"service accounts {namespace or '*'}/{name or '*'}"
        if namespace and name and not set(namespace + name) & {"*", "?"}:
            accounts = f"service account {namespace}/{name}"
        place = f"the cluster {cluster}" if cluster else "any cluster"
        return f"{accounts} by associations in {place}"

    def untagged_who(cluster: str) -> str:
        return f"{who(cluster)} without session tags"

    source = {key: carrier for key, carrier in _CLUSTER_KEYS.items() if "tag" not in key}
    yield Way(who, service, (cluster, *accounts, _SESSION_NAME), associated, asked.conditions)
    untagged_facts = (cluster._replace(keys=source), _SESSION_NAME)
    yield Way(untagged_who, service, untagged_facts, untagged, asked.conditions)


def _principals(
    account: str, partition: str, entries: Iterable[str], asked: Asked
) -> Iterator[Way]:
    of_account = [each for each in entries if account_of(each) == account]
    for kind in ("role", "user"):
        apart = tuple(text(each) for each in of_account if kind_of(each) == kind)
        language = principals(account, partition, kind)
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
    own_tags = None if tags is None else {name.lower(): value for name, value in tags.items()}
    traits: list[Fact] = []
    for key in keys:
        if key.startswith("aws:principaltag/"):
            value = None if own_tags is None else own_tags.get(key.partition("/")[2])
            values = TAG_VALUES if own_tags is None else only(*([] if value is None else [value]))
            name = f"its tag {keys[key].partition('/')[2]}"
            traits.append(Fact(name, values, {key: SAME}, optional=value is None))
    asked_of = {key: carrier for key, carrier in _ORGANIZATION.items() if key in keys}
    if asked_of and fact.apart is not None:
        traits.append(Fact("organization", ORGANIZATIONS, asked_of, optional=True))
    facts = (fact, *traits, _SESSION_NAME, *_passed(asked))
    if "sts:externalid" in keys:
        facts = (*facts, _EXTERNAL_ID)

    def call(values: Facts) -> Call:
        external_id = values.get(_EXTERNAL_ID.name, Key.ABSENT)
        arn = str(values[fact.name])
        return AssumeRole(
            resource=_role(account_of(arn), partition_of(arn)),
            caller=caller(arn),
            only="resource",
            session_name=str(values[_SESSION_NAME.name]),
            external_id=external_id if isinstance(external_id, str) else None,
            context={
                **{key: carried(it, values[e.name]) for e in traits for key, it in e.keys.items()},
                **_context(values),
            },
        )

    return Way(str, principal, facts, call, asked.conditions)
