"""Generated policies and requests, in a world so small that they often meet."""

from typing import Any

from hypothesis import strategies as st

from command.tests.decide.policies import document
from command.tests.decide.principals import ROLE_A, ROOT, SESSION_A, USER
from tests.support.world import ACCOUNT_A, ACCOUNT_B

BUCKET = "arn:aws:s3:::bucket"

ACTIONS = st.sampled_from(["s3:GetObject", "s3:Get*", "s3:*", "*", "s3:PutObject", "S3:getobject"])
RESOURCES = st.sampled_from([f"{BUCKET}/key", f"{BUCKET}/*", "*", f"{BUCKET}/k?y", BUCKET])
PRINCIPALS = st.sampled_from(
    [SESSION_A, ROLE_A, ROOT, ACCOUNT_A, "*", USER, ACCOUNT_B, "AROAEXAMPLE1"]
)
VALUES = st.sampled_from(["a", "b", "A", "a*", "*", "?", "ab", "${s3:other}", "true", "5"])
KEYS = st.sampled_from(["s3:key", "S3:Key", "s3:other", "aws:PrincipalArn", "s3:absent"])
OPERATORS = st.sampled_from(
    ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
     "StringEqualsIfExists", "StringNotLikeIfExists", "ForAllValues:StringLike",
     "ForAnyValue:StringLike", "ForAnyValue:StringNotEquals", "NumericLessThan", "Bool", "ArnLike"]
)  # fmt: skip


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=3)


CONDITIONS = st.dictionaries(
    OPERATORS, st.dictionaries(KEYS, some(VALUES), min_size=1, max_size=2), max_size=2
)


def element(word: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    words = st.sampled_from([word, word, f"Not{word}"])
    return st.tuples(words, values).map(lambda pair: dict([pair]))


OF_PRINCIPALS = {
    "resource_policy": element("Principal", some(PRINCIPALS).map(lambda each: {"AWS": each})),
    "endpoint_policy": st.just({"Principal": "*"}),
    "resource_control_policies": st.just({"Principal": "*"}),
}
"""The Principal element by the kind of a policy."""


def statements(*effects: str, kind: str = "") -> st.SearchStrategy[Any]:
    return st.tuples(
        st.fixed_dictionaries({"Effect": st.sampled_from(effects or ["Allow", "Deny"])}),
        element("Action", some(ACTIONS)),
        element("Resource", some(RESOURCES)),
        CONDITIONS.map(lambda found: {"Condition": found}),
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
