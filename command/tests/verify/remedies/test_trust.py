"""A remedy of a trust policy allows the caller that asks, and no other caller."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest

from command.tests.verify.chains import DENIED, GOOD, GOOD_EKS, ROLE, TRUST, TRUST_EKS, links
from command.tests.verify.commands import written
from command.tests.verify.pods import with_env
from core.tests.decide.policies import document, trust
from irsa.commands import verify
from irsa.observe.facts import Unread
from irsa.verify.link import Status
from irsa.verify.remedies.trust import ADD_STATEMENT
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION as ANNOTATED
from tests.support.world import ISSUER, PROVIDER_ARN, ROLE_ARN, SUBJECT

OTHER = f"{ISSUER}0"
OTHER_ARN = f"{PROVIDER_ARN}0"
DEV, STAGE = "system:serviceaccount:dev", "system:serviceaccount:stage:s3-app"
CHART, TYPO = "system:serviceaccount:ci:not-installed-yet", f"{DEV}:s3app"
STS = "sts.amazonaws.com"
BESIDE = {"StringLike": {f"{ISSUER}:sub": f"{DEV}:worker-*"}}
NO_KEY = {"ForAllValues:StringEquals": {f"https://{ISSUER}:sub": SUBJECT}, **BESIDE}


def one(condition, principal=PROVIDER_ARN, **more):
    """A trust policy of one statement."""
    of_token = {"Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition, **more}
    return document(trust({"Federated": principal}, **of_token))


def fixed(document, **facts):
    link = links(role=replace(ROLE, trust_policy=document), assumed=DENIED, **facts)["trust"]
    assert link.status is Status.FAILED
    return link, [written(each) for each in link.remedy.shell]


def equals(**claims):
    """A trust policy with claims of this cluster's tokens under StringEquals."""
    return one({"StringEquals": {f"{ISSUER}:{name}": value for name, value in claims.items()}})


RIGHT = equals(aud=STS, sub=SUBJECT)
EXACT = RIGHT["Statement"][0]["Condition"]
ADD, BY_HAND = f"add {SUBJECT}", "; then remove by hand, if misspelt: "
ADDRESS = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


def subjects(*values):
    """A condition on subjects, with the right audience."""
    return {"StringEquals": {f"{ISSUER}:aud": STS, f"{ISSUER}:sub": [*values]}}


def from_net(*values):
    return one({**subjects(*values), **ADDRESS})


GONE = one({"StringEquals": {f"{OTHER}:sub": SUBJECT}, **ADDRESS}, OTHER_ARN)
FROM_NET = one({**EXACT, **ADDRESS})["Statement"]


@pytest.mark.cases(("document", "changed", "text"), {
    "misspelt": (one(subjects(TYPO)), one(subjects(TYPO, SUBJECT)), ADD + BY_HAND + TYPO),
    "other namespaces": (one(subjects(STAGE, CHART)), one(subjects(STAGE, CHART, SUBJECT)), ADD),
    "misspelt, from a network": (from_net(TYPO), from_net(TYPO, SUBJECT), ADD + BY_HAND + TYPO),
    "another audience": (equals(aud="vault", sub=SUBJECT), None, ADD_STATEMENT),
    "exact and a pattern": (one({**EXACT, **BESIDE}), None, ADD_STATEMENT),
    "AssumeRole alone": (one(EXACT, Action="sts:AssumeRole"), None, ADD_STATEMENT),
    "pattern": (one(BESIDE), None, ADD_STATEMENT),
    "pattern under ForAllValues": (one({"ForAllValues:StringLike": BESIDE["StringLike"]}), None,
        ADD_STATEMENT),
    "key that no token has": (one(NO_KEY), None, ADD_STATEMENT),
    "another issuer's key": (one({"StringEquals": {f"{OTHER}:sub": SUBJECT}}, OTHER_ARN), None,
        ADD_STATEMENT),
    "deleted provider": (GONE, {**GONE, "Statement": [*GONE["Statement"], *FROM_NET]},
        ADD_STATEMENT),
})  # fmt: skip
def test_a_service_account_is_added_and_a_misspelt_one_is_named(document, changed, text):
    link, [found] = fixed(document)
    wanted = changed or {**document, "Statement": [*document["Statement"], *RIGHT["Statement"]]}
    assert found == wanted
    assert link.remedy.text.startswith(f"replace the trust policy: {text}; s3-app trusts ")


TRUSTING = replace(ROLE, arn=f"{ROLE_ARN}-team", trust_policy=RIGHT)
NOT_READ = Unread("the account's roles", "AccessDenied", "iam:ListRoles")


@pytest.mark.cases(("facts", "said", "named"), {
    "other roles unread": ({"trusting": NOT_READ}, "another role may trust the service account",
        []),
    "two others trust it": ({"trusting": (TRUSTING,) * 2},
        f"annotation: {TRUSTING.arn} and {TRUSTING.arn}", []),
    "another trusts it, role given": ({"trusting": (TRUSTING,), "expected_role": ROLE_ARN},
        f"{STAGE} today", []),
    "another trusts it": ({"trusting": (TRUSTING,)}, f"{STAGE} today",
        [f"{ANNOTATED}={TRUSTING.arn}"]),
})  # fmt: skip
def test_a_role_is_opened_only_if_no_other_one_trusts_the_service_account(facts, said, named):
    role = replace(ROLE, trust_policy=equals(aud=STS, sub=STAGE))
    remedy = links(role=role, assumed=DENIED, **facts)["trust"].remedy
    assert said in remedy.text
    assert [each.words[-1] for each in remedy.commands[:1]] == named


@pytest.mark.parametrize("kind", ["annotation", "association"])
@pytest.mark.cases("trusts", {"role that does not trust": False, "role that trusts": True})
def test_a_role_that_resembles_the_one_that_is_named_is_not_changed(kind, trusts):
    facts, right = (GOOD, TRUST) if kind == "annotation" else (GOOD_EKS, TRUST_EKS)
    moved = ROLE_ARN.replace("role/", "role/apps/")
    document = right if trusts else equals(aud=STS, sub=STAGE)
    near = replace(ROLE, arn=moved, trust_policy=document, policies=())

    report = links(facts=facts, role=near, assumed=DENIED, data=DENIED)

    commands = [command for link in report.values() for command in link.remedy.shell]
    assert [command for command in commands if " iam " in command] == []
    assert bool([command for command in commands if moved in command]) is trusts, commands
    assert trusts or f"ask the owner of {moved}, which trusts {STAGE} today" in str(report["role"])


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [("StringLike", "sts:RoleSessionName", "x"), ("DateLessThan", "aws:CurrentTime", "2020-01-01")],
)
def test_a_condition_on_more_than_who_calls_is_met_and_not_lifted(operator, key, value):
    pods = (with_env(("AWS_ROLE_SESSION_NAME", "reports")),)
    link, found = fixed(one({**EXACT, operator: {key: value}}), pods=pods)
    met = f"meet the trust policy's conditions ({key} {operator} {value}); they are not lifted"
    assert (found, link.remedy.text) == ([], met)


def test_a_policy_in_a_command_can_be_read_and_pasted():
    report = links(role=replace(ROLE, trust_policy={"Statement": []}), assumed=DENIED)
    [command] = report["trust"].remedy.shell

    shown = verify.text(GOOD, list(report.values())).splitlines()

    start = next(i for i, line in enumerate(shown) if "$ aws iam update-assume-role" in line)
    pasted = [line.strip() for line in shown[start:] if line.startswith(" " * 16)]
    assert max(map(len, shown[start : start + len(pasted)])) < 150
    program = "import json, sys; print(json.dumps(sys.argv))"
    printer = f"aws() {{ {shlex.quote(sys.executable)} -c '{program}' \"$@\"; }}"
    script = "\n".join([printer, pasted[0].removeprefix("$ "), *pasted[1:]])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    words = json.loads(done.stdout)
    assert json.loads(words[-1]) == written(command)
