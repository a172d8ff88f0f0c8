"""An answer without a context stays under every context that the call can have."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from command.tests.decide.policies import allow, deny, document
from command.tests.decide.principals import SESSION_A, USER
from command.tests.decide.scenarios import decision
from irsa.decide.conditions import compile_test
from irsa.decide.document import Condition
from irsa.decide.patterns import Key
from tests.support.world import ACCOUNT_A

CALLS = [
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
GLOBAL = [
    *(f"aws:{each}Tag/{{}}" for each in ("Principal", "Request", "Resource")),
    *("aws:TagKeys", "aws:SourceIp", "aws:SourceVpce", "aws:PrincipalOrgID"),
    *("aws:MultiFactorAuthPresent", "aws:ResourceOrgID"),
    *("glue:CredentialIssuingService", "glue:RoleAssumedBy", "lambda:SourceFunctionArn"),
]
NAMES = ["env", "corp.example.com:env", "a.b/c", "a:b.c", "Corp.Example/x.y:z"]
VALUES = ["a", "*", "a*", "true", "${aws:PrincipalTag/corp.example.com:env, 'a'}"]
OPERATORS = [
    f"{set_operator}{base}{if_exists}"
    for set_operator in ("", "ForAnyValue:", "ForAllValues:")
    for base in ("StringEquals", "StringNotLike", "StringLike", "ArnNotEquals")
    for if_exists in ("", "IfExists")
] + ["Null"]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(CALLS),
    st.sampled_from(GLOBAL + [""] * len(GLOBAL)),
    st.sampled_from(NAMES),
    st.sampled_from(OPERATORS),
    st.sampled_from(VALUES),
    st.booleans(),
    st.sampled_from([SESSION_A, USER]),
    st.lists(st.none() | st.sampled_from(["a", "b", "", "true"]), min_size=3, max_size=3),
)
def test_what_is_certain_without_a_context_is_so_with_one(
    call, key, name, operator, value, denies, caller, found
):
    action, resource, own = call
    key = (key or own).format(name)
    # These services make no sessions of users.
    assume(caller is SESSION_A or key.partition(":")[0] not in ("glue", "lambda"))
    condition = {operator: {key: value}}
    statements = [allow("*", "*"), deny("*", "*", Condition=condition)]
    step = {
        "action": action,
        "resource": resource,
        "resource_account": ACCOUNT_A,
        "principal": caller,
        "identity_policies": [
            document(*(statements if denies else [allow("*", "*", Condition=condition)]))
        ],
        "resource_policy": document(allow("kms:*", "*", Principal={"AWS": ACCOUNT_A})),
    }
    before = decision(step)

    for each in found:
        assert before in ("unknown", decision(step | {"context": {key: each}}))


@pytest.mark.parametrize("base", ["StringLike", "StringNotLike", "ArnLike", "ArnNotEquals"])
@pytest.mark.parametrize("for_values", ["", "ForAnyValue:", "ForAllValues:"])
@pytest.mark.parametrize("value", ["*", "a*", "?*", "${aws:username}"])
def test_only_a_star_is_decided_by_a_key_that_is_sent_with_any_value(base, for_values, value):
    test = compile_test(Condition(f"{for_values}{base}", "aws:RequestTag/a", (value,)))
    sent = {test.holds(lambda _, value=value: value) for value in ("", "a", "a:b", ("a", "b"))}
    one = compile_test(Condition(f"{for_values}{base}", "aws:PrincipalServiceNamesList", (value,)))

    known = test.holds(lambda _: Key.PRESENT)
    assert known in (None, *(sent if len(sent - {None}) == 1 else ()))
    assert (known is not None) == (value == "*" and len(sent - {None}) == 1)
    assert one.holds(lambda _: Key.PRESENT) == (known if for_values else None)
