"""Properties of all policies and requests, in a world so small that they often meet."""

import copy
import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.tests.decide.policies import allow, deny, document
from core.tests.decide.principals import ROLE_A, ROOT, SESSION_A, USER
from core.tests.decide.scenarios import answer, decision, scenario
from core.tests.decide.web import web_identity_step
from irsa_core.decide.json_input import InputError
from irsa_core.decide.scenario import parse_scenario
from irsa_core.decide.simulate import simulate
from tests.support.world import ACCOUNT_A, ACCOUNT_B

BUCKET = "arn:aws:s3:::bucket"

ACTIONS = st.sampled_from(["s3:GetObject", "s3:Get*", "s3:*", "*", "s3:PutObject", "S3:getobject"])
RESOURCES = st.sampled_from([f"{BUCKET}/key", f"{BUCKET}/*", "*", f"{BUCKET}/k?y", BUCKET])
NAMED = [SESSION_A, ROLE_A, ROOT, ACCOUNT_A, "*", USER, ACCOUNT_B, "AROAEXAMPLE1"]
VALUES = st.sampled_from(["a", "b", "A", "a*", "*", "?", "ab", "${s3:other}", "true", "5"])
KEYS = st.sampled_from(["s3:key", "S3:Key", "s3:other", "aws:PrincipalArn", "s3:absent"])
OPERATORS = st.sampled_from(
    ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
     "StringEqualsIfExists", "StringNotLikeIfExists", "ForAllValues:StringLike",
     "ForAnyValue:StringLike", "ForAnyValue:StringNotEquals", "NumericLessThan", "Bool", "ArnLike"]
)  # fmt: skip


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=3)


TESTS = st.dictionaries(KEYS, some(VALUES), min_size=1, max_size=2)


def element(word: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    words = st.sampled_from([word, word, f"Not{word}"])
    return st.tuples(words, values).map(lambda pair: dict([pair]))


OF_PRINCIPALS = {
    "resource_policy": element(
        "Principal", some(st.sampled_from(NAMED)).map(lambda each: {"AWS": each})
    ),
    "endpoint_policy": st.just({"Principal": "*"}),
    "resource_control_policies": st.just({"Principal": "*"}),
}
"""The Principal element by the kind of a policy."""


def statements(*effects: str, kind: str = "") -> st.SearchStrategy[Any]:
    return st.tuples(
        st.fixed_dictionaries({"Effect": st.sampled_from(effects or ["Allow", "Deny"])}),
        element("Action", some(ACTIONS)),
        element("Resource", some(RESOURCES)),
        st.dictionaries(OPERATORS, TESTS, max_size=2).map(lambda found: {"Condition": found}),
        OF_PRINCIPALS.get(kind, st.just({})),
    ).map(lambda parts: {key: value for part in parts for key, value in part.items()})


def policies(kind: str = "") -> st.SearchStrategy[Any]:
    return st.lists(statements(kind=kind), max_size=3).map(lambda each: document(*each))


CONTEXTS = st.none() | st.dictionaries(
    st.sampled_from(["s3:key", "s3:other"]), VALUES | st.lists(VALUES, max_size=2) | st.none()
)

STEPS = st.fixed_dictionaries(
    {
        "action": st.just("s3:GetObject"),
        "resource": st.just(f"{BUCKET}/key"),
        "resource_account": st.sampled_from([ACCOUNT_A, ACCOUNT_B, None]),
        "principal": st.sampled_from([SESSION_A, SESSION_A, USER, ROOT]),
        "principal_id": st.sampled_from([None, "AROAEXAMPLE1", "AROAEXAMPLE2"]),
        "identity_policies": st.none() | st.lists(policies(), max_size=2),
        "resource_policy": st.none() | policies("resource_policy"),
        "permissions_boundary": st.none() | policies(),
        "endpoint_policy": st.none() | policies("endpoint_policy"),
        "resource_control_policies": st.lists(policies("resource_control_policies"), max_size=1),
        "service_control_policies": st.lists(policies(), max_size=1),
        "context": CONTEXTS,
    }
)
"""Steps that call S3, most of which no policy allows."""

# No deadline: a busy machine is not a failure.
FEW = settings(max_examples=20, deadline=None)
MANY = settings(max_examples=30, deadline=None)
KINDS = ["identity_policies", "resource_policy", "permissions_boundary", "endpoint_policy",
         "service_control_policies", "resource_control_policies"]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


def worth(step: dict[str, Any]) -> int:
    return {"deny": 0, "unknown": 1, "allow": 2}[decision(step)]


def with_statement(step: dict[str, Any], kind: str, statement: dict[str, Any]) -> dict[str, Any]:
    """The step with one more statement in a policy that is already there."""
    changed = copy.deepcopy(step)
    found = changed[kind]
    first = found[0] if isinstance(found, list) and found else found
    assume(first)
    first["Statement"].append(statement)
    return changed


@MANY
@given(STEPS, st.sampled_from(KINDS), st.data())
def test_one_more_deny_never_grants_and_one_more_allow_never_refuses(step, kind, data):
    deny, allow = (data.draw(statements(each, kind=kind)) for each in ("Deny", "Allow"))
    before = worth(step)
    assert worth(with_statement(step, kind, deny)) <= before
    assert worth(with_statement(step, kind, allow)) >= before


@FEW
@given(STEPS, st.sampled_from(KINDS[2:]), st.data())
def test_one_more_limit_never_grants(step, kind, data):
    assume(not step[kind])
    policy = data.draw(policies(kind))
    limit = [policy] if kind.endswith("policies") else policy
    assert worth(step | {kind: limit}) <= worth(step)


def shuffled(value: Any, random: Any) -> Any:
    """Return the JSON with objects and lists in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(member, random)) for key, member in value.items()]
        random.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        items = [shuffled(element, random) for element in value]
        random.shuffle(items)
        return items
    return value


@FEW
@given(STEPS, st.randoms(use_true_random=False))
def test_the_order_of_statements_elements_and_values_does_not_matter(step, random):
    assert decision(shuffled(step, random)) == decision(step)


@FEW
@given(STEPS, st.sampled_from([str.upper, str.lower, str.title]))
def test_the_case_of_condition_keys_does_not_matter(step, change):
    text = json.dumps(step)
    assume('"s3:key"' not in text or '"S3:Key"' not in text)  # no key in two spellings
    for key in ("s3:key", "S3:Key", "s3:other", "aws:PrincipalArn", "s3:absent"):
        text = text.replace(f'"{key}":', f'"{change(key)}":')
    assert decision(json.loads(text) | {"context": step["context"]}) == decision(step)


SCOPED = {"action": "sts:GetScopedCredentials", "resource": "*", "principal": SESSION_A}
SCOPED["identity_policies"] = [document(allow("sts:*", "*"))]


@MANY
@given(STEPS, policies())
def test_scoped_credentials_do_what_the_session_and_their_policy_allow(step, scope):
    """Whatever grants it, a resource's policy for the session itself included."""
    step |= {"principal": SESSION_A}
    own = {**step, **dict.fromkeys(KINDS), "identity_policies": [scope]}
    alone = decision(own | {"resource_account": ACCOUNT_A})
    found = decision(SCOPED | {"session_policies": [scope]}, step)
    assert found == min(decision(step), alone, key=["deny", "unknown", "allow"].index)


@FEW
@given(STEPS)
def test_every_unknown_names_a_fact_and_every_answer_has_a_reason(step):
    (found,) = answer(step)["steps"]
    assert found["reasons"]
    assert ("missing" in found) == (found["decision"] == "unknown")


def replaced(value: Any, path: list[int], by: Any) -> Any:
    """The JSON with whatever stands at the end of a path of positions replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return by
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    changed = copy.copy(value)
    changed[key] = replaced(value[key], path[1:], by)
    return changed


@MANY
@given(STEPS, st.lists(st.integers(0, 7), min_size=1, max_size=7), JSON)
def test_any_json_in_any_place_is_an_answer_or_one_line(step, path, by):
    raw = json.dumps(replaced(scenario(web_identity_step(), step), path, by)).encode()
    try:
        line = json.dumps(simulate(parse_scenario(raw)).as_json())
    except InputError as error:
        line = str(error)
    assert line.isprintable()


SERVICES_CALLS = [
    (action, resource, f"{action.partition(':')[0]}:{key}")
    for action, resource, keys in [
        ("s3:GetObject", "arn:aws:s3:::b/k", ["ExistingObjectTag/{}", "versionid"]),
        ("ec2:StartInstances", "*", ["ResourceTag/{}", "InstanceType"]),
        ("kms:Decrypt", "*", ["EncryptionContext:{}", "EncryptionContextKeys"]),
        ("secretsmanager:GetSecretValue", "*", ["ResourceTag/{}", "VersionStage"]),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT_A}:role/x", ["ResourceTag/{}", "PassedToService"]),
        ("sts:GetWebIdentityToken", "*", ["IdentityTokenAudience", "SigningAlgorithm"]),
    ]
    for key in keys
]
GLOBAL_KEYS = [
    *(f"aws:{each}Tag/{{}}" for each in ("Principal", "Request", "Resource")),
    *("aws:TagKeys", "aws:SourceIp", "aws:SourceVpce", "aws:PrincipalOrgID"),
    *("aws:MultiFactorAuthPresent", "aws:ResourceOrgID"),
    *("glue:CredentialIssuingService", "glue:RoleAssumedBy", "lambda:SourceFunctionArn"),
]
EVERY_OPERATOR = [
    f"{set_operator}{base}{if_exists}"
    for set_operator in ("", "ForAnyValue:", "ForAllValues:")
    for base in ("StringEquals", "StringNotLike", "StringLike", "ArnNotEquals")
    for if_exists in ("", "IfExists")
] + ["Null"]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(SERVICES_CALLS),
    st.sampled_from(GLOBAL_KEYS + [""] * len(GLOBAL_KEYS)),
    st.sampled_from(["env", "corp.example.com:env", "a.b/c", "a:b.c", "Corp.Example/x.y:z"]),
    st.sampled_from(EVERY_OPERATOR),
    st.sampled_from(["a", "*", "a*", "true", "${aws:PrincipalTag/corp.example.com:env, 'a'}"]),
    st.booleans(),
    st.sampled_from([SESSION_A, USER]),
    st.lists(st.none() | st.sampled_from(["a", "b", "", "true"]), min_size=3, max_size=3),
)
def test_what_is_certain_without_a_context_is_so_with_one(
    call, key, name, operator, value, denies, caller, context_values
):
    action, resource, service_key = call
    key = (key or service_key).format(name)
    # These services make no sessions of users.
    assume(caller is SESSION_A or key.partition(":")[0] not in ("glue", "lambda"))
    condition = {operator: {key: value}}
    statements = [allow("*", "*"), deny("*", "*", Condition=condition)]
    policy = document(*(statements if denies else [allow("*", "*", Condition=condition)]))
    step = {"action": action, "resource": resource, "resource_account": ACCOUNT_A}
    step |= {"principal": caller, "identity_policies": [policy]}
    step |= {"resource_policy": document(allow("kms:*", "*", Principal={"AWS": ACCOUNT_A}))}

    for context_value in context_values:
        assert decision(step) in ("unknown", decision(step | {"context": {key: context_value}}))
