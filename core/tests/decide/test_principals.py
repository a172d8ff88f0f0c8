"""The callers that a Principal element names.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import pytest

from irsa_core.decide.principals import Directness, PrincipalElement, caller_from_arn, session_of
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT
from tests.support.refusal import refusal
from tests.support.world import ACCOUNT_A as A

NONE, ACCOUNT, ROLE, DIRECT = Directness
SESSION = f"arn:aws:sts::{A}:assumed-role/app/one"
ROLE_ARN = f"arn:aws:iam::{A}:role/app"
USER = f"arn:aws:iam::{A}:user/team/bob"
EC2 = "ec2.amazonaws.com"
OTHERS = ["role/App", "role/team/other", "role/*", "user/app"]
ROOT = f"arn:aws:iam::{A}:root"
PATHED, OTHER_ROLE = f"arn:aws:iam::{A}:role/team/app", f"arn:aws:iam::{A}:role/other"
CALLER, OF_PATHED = caller_from_arn(SESSION), caller_from_arn(SESSION, role_arn=PATHED)
OF_ID = caller_from_arn(SESSION, unique_id="AROAEXAMPLE1")


@pytest.mark.cases(("caller", "entries", "grant"), {
    "session: itself": (SESSION, {"AWS": [SESSION]}, DIRECT),
    "session: itself among others": (SESSION, {"AWS": ["444455556666", SESSION, ROOT]}, DIRECT),
    "session: its role": (SESSION, {"AWS": [ROOT, ROLE_ARN]}, ROLE),
    "session: everyone": (SESSION, {"AWS": ["*"]}, ROLE),
    "session: root of its account": (SESSION, {"AWS": [ROOT]}, ACCOUNT),
    "session: id of its account": (SESSION, {"AWS": [A]}, ACCOUNT),
    "session: another session":
        (SESSION, {"AWS": [f"arn:aws:sts::{A}:assumed-role/app/two", "444455556666"]}, NONE),
    "session: other names": (SESSION, {"AWS": [f"arn:aws:iam::{A}:{name}" for name in OTHERS]},
        NONE),
    "session: another partition": (SESSION, {"AWS": [f"arn:aws-cn:iam::{A}:root"]}, NONE),
    "session: other kinds": (SESSION, {"Federated": [SESSION], "Service": ["ec2.amazonaws.com"]},
        NONE),
    "session: no entry": (SESSION, {}, NONE),
    "user: itself": (USER, {"AWS": [USER]}, DIRECT),
    "user: everyone": (USER, {"AWS": ["*"]}, ROLE),
    "user: root of its account": (USER, {"AWS": [ROOT]}, ACCOUNT),
    "user: without its path": (USER, {"AWS": [f"arn:aws:iam::{A}:user/bob"]}, NONE),
    "root: itself": (ROOT, {"AWS": [ROOT]}, ACCOUNT),
    "root: id of its account": (ROOT, {"AWS": [A]}, ACCOUNT),
    "root: a user": (ROOT, {"AWS": [USER]}, NONE),
    "service: itself": (EC2, {"Service": [EC2]}, DIRECT),
    "service: everyone": (EC2, {"AWS": ["*"]}, DIRECT),
    "service: another one": (EC2, {"AWS": [ROOT], "Service": ["eks.amazonaws.com"]}, NONE),
})  # fmt: skip
def test_an_element_names_a_caller_as_directly_as_aws_documents(caller, entries, grant):
    element = PrincipalElement(entries, negated=False)
    caller = caller_from_arn(caller, role_arn=ROLE_ARN if caller == SESSION else None)
    assert element.grant(caller) == (grant, DIRECT if element.everyone else grant)


@pytest.mark.cases(("caller", "entries", "grants", "facts"), {
    "session, its role's id": (OF_ID, {"AWS": ["AROAEXAMPLE1"]}, (ROLE, ROLE), []),
    "session, another role's id": (OF_ID, {"AWS": ["AROAEXAMPLE2"]}, (NONE, NONE), []),
    "user, its id": (caller_from_arn(USER, unique_id="AIDAEXAMPLE1"), {"AWS": ["AIDAEXAMPLE1"]},
        (DIRECT, DIRECT), []),
    "session of unknown id, a role's id": (CALLER, {"AWS": ["AROAEXAMPLE1"]}, (NONE, ROLE),
        [f"principal_id of {ROLE_ARN}"]),
    "session of unknown id, a user's id": (CALLER, {"AWS": ["AIDAEXAMPLE1"]}, (NONE, NONE), []),
    "user of unknown id": (caller_from_arn(USER), {"AWS": ["AIDAEXAMPLE1"]}, (NONE, DIRECT),
        [f"principal_id of {USER}"]),
    "session of unknown name": (session_of(ROLE_ARN, None), {"AWS": [SESSION]}, (NONE, DIRECT),
        [f"role_session_name of {ROLE_ARN}"]),
    "session of unknown name, another role": (session_of(OTHER_ROLE, None), {"AWS": [SESSION]},
        (NONE, NONE), [f"role_session_name of {OTHER_ROLE}"]),
    "role with its path": (OF_PATHED, {"AWS": [PATHED]}, (ROLE, ROLE), []),
    "role without its path": (OF_PATHED, {"AWS": [ROLE_ARN]}, (NONE, NONE), []),
    "role of unknown path": (CALLER, {"AWS": [PATHED]}, (NONE, ROLE),
        [f"principal_role_arn: the path of role {ROLE_ARN}"]),
    # An entry that cannot be resolved may name any caller.
    "canonical user": (CALLER, {"CanonicalUser": ["79a59df900b949e5"]}, (NONE, DIRECT),
        ["the account of a CanonicalUser"]),
    "unknown output": (CALLER, {"AWS": [UNKNOWN_OUTPUT]}, (NONE, DIRECT),
        ["an output that is not known yet"]),
    "both": (CALLER, {"Federated": [UNKNOWN_OUTPUT], "CanonicalUser": ["79a59df900b949e5"]},
        (NONE, DIRECT), ["the account of a CanonicalUser", "an output that is not known yet"]),
})  # fmt: skip
def test_what_a_caller_or_an_entry_leaves_open_is_a_missing_fact(caller, entries, grants, facts):
    element = PrincipalElement(entries, negated=False)
    assert (element.grant(caller), element.missing(caller)) == (grants, facts)


def test_a_caller_is_read_from_its_arn():
    arns = {SESSION: ROLE_ARN, ROLE_ARN: ROLE_ARN, USER: USER, ROOT: ROOT, EC2: EC2}
    callers = [caller_from_arn(each) for each in arns]
    assert [each.kind for each in callers] == ["session", "session", "user", "root", "service"]
    assert [each.account for each in callers] == [A, A, A, A, ""]
    assert [each.principal_arn for each in callers] == [*arns.values()]


@pytest.mark.parametrize("wrong", ["bob", f"arn:aws:sts::{A}:federated-user/eve"])
def test_what_is_no_principal_is_refused_by_value(wrong):
    assert f"{wrong!r} is neither the ARN of a session" in refusal(caller_from_arn, wrong)


def test_an_element_is_described_with_its_first_entries():
    many = PrincipalElement({"AWS": [f"{n:012}" for n in range(7)]}, negated=False)
    one = PrincipalElement({"AWS": [USER]}, negated=True)

    five = ", ".join(f"AWS {n:012}" for n in range(5))
    assert [many.describe(CALLER), one.describe(CALLER)] == [
        f"principal: it names {five} and 2 more, the caller is {SESSION}",
        f"principal: it excepts AWS {USER}, the caller is {SESSION}",
    ]
