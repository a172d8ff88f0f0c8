"""Generated pairs of trust policies, and all callers of small alphabets, asked one by one.

A caller is built here without the method's facts, and the evaluator alone combines statements.
"""

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any, NamedTuple

from irsa_core.decide.association import call_keys
from irsa_core.decide.principals import caller_from_arn, session_of
from irsa_core.decide.simulate import simulate
from irsa_core.decide.statements import Policy
from irsa_core.decide.steps import AssumeRole, AssumeRoleWithWebIdentity, Scenario, TokenClaims
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, PROVIDER_ARN

WEB = "sts:AssumeRoleWithWebIdentity"
ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/r"
SUBJECTS = [f"system:serviceaccount:{n}:{a}" for n in ("a", "ab", "b") for a in ("a", "ab", "b-a")]
AUDIENCES = ["a", "sts.amazonaws.com", "ab"]
CLUSTERS = [f"arn:aws:eks:us-east-1:{ACCOUNT_A}:cluster/{name}" for name in ("a", "ab", "b")]
NAMES = ["a", "ab", "b"]
PATHS = product((ACCOUNT_A, ACCOUNT_B), ("a", "ab", "p/a"))
ROLES = [f"arn:aws:iam::{account}:role/{path}" for account, path in PATHS]
TEXTS = [None, "aa", "ab", "ba"]


class Asked(NamedTuple):
    """A caller, by the way it comes, with what identifies it."""

    way: str
    identity: tuple[str, ...]
    step: Any


def token(sub: Any, aud: Any) -> TokenClaims:
    """A token of the cluster."""
    return TokenClaims({"iss": f"https://{ISSUER}", "sub": sub, "aud": aud, "exp": 1, "iat": 0})


def callers() -> list[Asked]:
    """All callers of the alphabets."""
    calls = [
        Asked("token", (sub,), AssumeRoleWithWebIdentity(
            resource=ROLE, only="resource", session_name="aa", context={},
            token=token(sub, aud),
        ))
        for sub, aud in product(SUBJECTS, AUDIENCES)
    ]  # fmt: skip
    service = caller_from_arn(POD_IDENTITY_SERVICE)
    for cluster, namespace, name in product(CLUSTERS, NAMES, NAMES):
        keys = call_keys(cluster, ServiceAccountRef(namespace, name))
        keys |= {f"aws:requesttag/kubernetes-pod-{part}": "a" for part in ("name", "uid")}
        calls.append(Asked("association", (cluster, namespace, name), AssumeRole(
            resource=ROLE, only="resource", session_name="aa", caller=service, context=keys,
        )))  # fmt: skip
    for cluster in CLUSTERS:
        keys = call_keys(cluster, ServiceAccountRef("", ""), disable_session_tags=True)
        calls.append(Asked("untagged", (cluster,), AssumeRole(
            resource=ROLE, only="resource", session_name="aa", caller=service, context=keys,
        )))  # fmt: skip
    for arn, external_id, tag, principal_tag in product(ROLES, TEXTS, [None, "", "ab"], TEXTS[:3]):
        context: dict[str, Any] = {}
        context |= {} if tag is None else {"aws:requesttag/t": tag, "aws:tagkeys": ("t",)}
        context |= {} if principal_tag is None else {"aws:principaltag/u": principal_tag}
        calls.append(Asked("role", (arn,), AssumeRole(
            resource=ROLE, only="resource", session_name="aa", external_id=external_id,
            caller=session_of(arn, "session", "AROAX"), context=context,
        )))  # fmt: skip
    return calls


CALLERS = callers()
OF_SUBJECTS = ["system:serviceaccount:a*:a", "*:ab", "system:serviceaccount:?:*", "*", "x"]
OF_CLUSTERS = ["arn:aws:eks:*:*:cluster/a*", "arn:aws:eks:*:*:*/b", "arn:aws:eks:*"]
PATTERNS = {
    f"{ISSUER}:sub": [*SUBJECTS, *OF_SUBJECTS],
    f"{ISSUER}:aud": [*AUDIENCES, "a*", "?"],
    "aws:SourceArn": [*CLUSTERS, *OF_CLUSTERS, CLUSTERS[0][:-1] + "?"],
    "aws:SourceAccount": [ACCOUNT_A, ACCOUNT_B, f"{ACCOUNT_A[:3]}*"],
    "aws:RequestTag/eks-cluster-name": ["a", "a*", "b"],
    "aws:RequestTag/kubernetes-namespace": ["a", "a*", "?", ""],
    "aws:RequestTag/kubernetes-service-account": ["a", "*b", "b"],
    "sts:ExternalId": ["aa", "a*", "?b", "BA"],
    "aws:RequestTag/t": ["", "ab", "A*", "x"],
    "aws:TagKeys": ["t", "T*", "x"],
    "aws:PrincipalTag/u": ["aa", "a?", "x"],
    "aws:PrincipalArn": [*ROLES, "arn:aws:iam::*:role/a*", f"arn:aws:iam::{ACCOUNT_A}:role/*", "*"],
}
OF_WAY = {
    "Federated": [f"{ISSUER}:sub", f"{ISSUER}:aud"],
    "Service": [key for key in PATTERNS if "Source" in key or "kubernetes" in key or "eks" in key],
    "AWS": ["sts:ExternalId", "aws:RequestTag/t", "aws:TagKeys", "aws:PrincipalTag/u",
            "aws:PrincipalArn"],
}  # fmt: skip
TEXTUAL = ["Equals", "Like", "NotEquals", "NotLike", "EqualsIgnoreCase", "NotEqualsIgnoreCase"]
OF_ARNS = ["ArnEquals", "ArnLike", "ArnNotLike", "ArnNotEquals"]


def document(random: Random) -> dict[str, Any]:
    """A trust policy of up to three statements."""
    listed = [_statement(random) for _ in range(random.randint(1, 3))]
    return {"Version": "2012-10-17", "Statement": listed}


def changed(random: Random, old: dict[str, Any]) -> dict[str, Any]:
    """Another document: a new one, or one with a statement more, less, or in another form."""
    listed = [*old["Statement"]]
    kind = random.randrange(4)
    if kind == 0:
        return document(random)
    if kind == 1:
        listed.append(_statement(random))
    elif kind == 2 and len(listed) > 1:
        listed.pop(random.randrange(len(listed)))
    else:
        place = random.randrange(len(listed))
        listed[place] = {**_statement(random), "Principal": listed[place].get("Principal", "*")}
        listed[place].pop("NotPrincipal", None)
    return {**old, "Statement": listed}


def _statement(random: Random) -> dict[str, Any]:
    effect = random.choice(["Allow", "Allow", "Allow", "Deny"])
    kind = random.choice([*OF_WAY])
    principals: dict[str, Any] = {
        "Federated": [PROVIDER_ARN],
        "Service": [POD_IDENTITY_SERVICE],
        "AWS": random.sample([*ROLES, ACCOUNT_A, f"arn:aws:iam::{ACCOUNT_B}:root"], 2),
    }
    statement: dict[str, Any] = {"Effect": effect, "Principal": {kind: principals[kind]}}
    if random.random() < 0.15:
        statement["Principal"] = "*"
    if effect == "Deny" and kind == "AWS" and random.random() < 0.3:
        del statement["Principal"]
        statement["NotPrincipal"] = {"AWS": principals["AWS"]}
    statement["Action"] = random.choice([
        WEB, "sts:*", "sts:AssumeRole", "sts:TagSession", ["sts:AssumeRole", "sts:TagSession"],
        [WEB, "sts:AssumeRole", "sts:TagSession"],
    ])  # fmt: skip
    statement["Condition"] = conditions = {}
    for key in random.sample(OF_WAY[kind], min(len(OF_WAY[kind]), random.choice([0, 1, 1, 2, 3]))):
        prefix = random.choice(["", "", "", "ForAnyValue:", "ForAllValues:"])
        if prefix and key not in ("aws:TagKeys", "aws:RequestTag/t", f"{ISSUER}:sub"):
            prefix = ""
        if key == "aws:TagKeys" and not prefix:
            prefix = "ForAnyValue:"
        bases = [f"String{suffix}" for suffix in TEXTUAL] + OF_ARNS * ("Arn" in key)
        operator = f"{prefix}{random.choice(bases)}{random.choice(['', '', 'IfExists'])}"
        values: Any = random.sample(PATTERNS[key], random.choice([1, 1, 2]))
        if random.random() < 0.1:
            operator, values = "Null", random.choice(["true", "false"])
        conditions.setdefault(operator, {})[key] = values
    return statement


def verdicts(step: Any, *policies: Policy) -> tuple[str, ...]:
    """The evaluator's answers to one call under each policy."""
    asked = (replace(step, trust=each) for each in policies)
    return tuple(simulate(Scenario(None, None, None, [e])).verdict.value for e in asked)


def way(witness: Any) -> str:
    """The way by which a witness comes; "other" for one that is not among these callers."""
    if "principal" in witness:
        return "role" if ":role/" in witness["principal"] else "other"
    names = {"namespace": "association", "cluster": "untagged", "sub": "token"}
    return next((each for name, each in names.items() if name in witness), "other")


def call_of(witness: Any) -> Any:
    """The call of a witness, None where it is not built here."""
    facts = {name: value for name, value in witness.items() if isinstance(value, str | tuple)}
    tags = {n.removeprefix("tag "): v for n, v in facts.items() if n.startswith("tag ")}
    keys: dict[str, Any] = {f"aws:requesttag/{name.lower()}": value for name, value in tags.items()}
    keys |= {"aws:tagkeys": tuple(tags)} if tags else {}
    keys |= {"sts:sourceidentity": facts["source identity"]} if "source identity" in facts else {}
    common: dict[str, Any] = {"resource": ROLE, "only": "resource"}
    common["session_name"] = facts.get("session name")
    kind = way(witness)
    if kind == "token" and facts["sub"].startswith("system:"):
        claims = token(facts["sub"], facts["aud"])
        return AssumeRoleWithWebIdentity(**common, token=claims, context=keys)
    if kind == "role":
        tagged = {n.removeprefix("its tag "): v for n, v in facts.items() if n[:8] == "its tag "}
        keys |= {f"aws:principaltag/{name.lower()}": value for name, value in tagged.items()}
        common |= {"external_id": facts.get("external id"), "context": keys}
        return AssumeRole(caller=session_of(facts["principal"], "session", "AROAX"), **common)
    if kind not in ("association", "untagged"):
        return None
    account = ServiceAccountRef(facts.get("namespace", ""), facts.get("service account", ""))
    keys = call_keys(facts["cluster"], account, disable_session_tags=kind == "untagged")
    if kind == "association":
        of_pod = {"name": facts["Pod"], "uid": facts["uid"]}
        keys |= {f"aws:requesttag/kubernetes-pod-{part}": value for part, value in of_pod.items()}
    return AssumeRole(**common, caller=caller_from_arn(POD_IDENTITY_SERVICE), context=keys)
