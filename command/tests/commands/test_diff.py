"""`python -m irsa diff`: policies, states and previews in files, and what is printed of them."""

import json

import pytest

from core.tests.decide.policies import allow as statement
from core.tests.decide.policies import document, trust
from irsa.__main__ import main
from irsa_core.identity import policies
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT
from irsa_core.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from tests.support.world import ACCOUNT_A, ACCOUNT_B, CLUSTER_ARN, ISSUER, PROVIDER_ARN

APP, OTHER = ServiceAccountRef("dev", "app"), ServiceAccountRef("dev", "other")
ALL = ServiceAccountPattern("dev", "app*")
A, C = (f"arn:aws:iam::{ACCOUNT_A}:role/{name}" for name in "ac")
B = f"arn:aws:iam::{ACCOUNT_B}:role/b"
ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"


def by_token(*subjects):
    return policies.irsa_trust_policy([PROVIDER_ARN], list(subjects))


def by_arn(*arns):
    return document(trust({"AWS": list(arns)}))


def allow(actions, resource="*"):
    return document(statement(actions, resource))


def resource(kind, logical, /, **outputs):
    return {"urn": f"urn:pulumi:dev::irsa::{kind}::{logical}", "type": kind, "outputs": outputs}


def role(arn, trust, **more):
    name = arn.rpartition("/")[2]
    text = json.dumps(trust)
    return resource("aws:iam/role:Role", name, name=name, arn=arn, assumeRolePolicy=text, **more)


def renamed(made, name=UNKNOWN_OUTPUT):
    later = {"name": name, "arn": UNKNOWN_OUTPUT}
    return {**made, "outputs": {**made["outputs"], **later}}


def policy(name, of, document):
    kind = "aws:iam/rolePolicy:RolePolicy"
    return resource(kind, name, name=name, role=of, policy=json.dumps(document))


def attached(name, of):
    kind = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    return resource(kind, name, role=of, policyArn=f"arn:aws:iam::aws:policy/{name}")


def association(name, **more):
    kind = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
    arn = f"{CLUSTER_ARN.replace('cluster', 'podidentityassociation')}/{name}"
    given = {"namespace": "dev", "serviceAccount": name, "roleArn": A, **more}
    return resource(kind, name, associationArn=arn, **given)


def provider(*ids):
    kind = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    return resource(kind, "provider", arn=PROVIDER_ARN, clientIdLists=list(ids))


def state(*resources):
    return {"deployment": {"resources": list(resources)}}


def preview(*steps):
    named = {"oldState": steps[0::2], "newState": steps[1::2]}
    listed = [dict(zip(named, pair, strict=True)) for pair in zip(*named.values(), strict=True)]
    return {"steps": [{"op": "update", **each} for each in listed], "changeSummary": {}}


@pytest.fixture
def diff(tmp_path, capsys):
    """Run the command on documents; exit code, stdout and stderr."""

    def run(*documents, output="text"):
        files = []
        for number, content in enumerate(documents):
            files.append(tmp_path / f"{number}.json")
            files[-1].write_text(json.dumps(content))
        return (main(["diff", *map(str, files), "--output", output]), *capsys.readouterr())

    return run


SAME_NAME = (A, A.replace(ACCOUNT_A, ACCOUNT_B))
OF_B = resource("pulumi:providers:aws", "b", allowedAccountIds=f'["{ACCOUNT_B}"]')
PODS_OF_EKS = role(A, pod_identity_trust_policy([CLUSTER_ARN], [APP]))
BY_TEAM = by_arn(ROOT)
BY_TEAM["Statement"][0]["Condition"] = {"StringEquals": {"aws:PrincipalTag/team": "data"}}
ANY_AUDIENCE = by_token(APP)
del ANY_AUDIENCE["Statement"][0]["Condition"]["StringEquals"][f"{ISSUER}:aud"]
OPEN = role(A, ANY_AUDIENCE)
CLUSTER, IF = f"of the cluster {ISSUER}", "if aud StringEquals sts.amazonaws.com"
PODS = f"{CLUSTER} {IF}"
CHAIN = [role(A, by_token(APP)), role(B, by_arn(A)), role(C, by_arn(B))]
MAY = [policy("to-b", "a", allow("sts:AssumeRole", B)), policy("to-c", "b", allow("sts:*", C))]


@pytest.mark.cases(("old", "new", "code", "expected"), {
    "no change": (by_token(APP), by_token(APP), 0, ["no caller gains or loses access"]),
    "wider pattern": (by_token(APP), by_token(ALL), 1,
        [f"service accounts dev/app* {PODS}, in part, such as"]),
    "account instead of an ARN": (by_arn(A), by_arn(ROOT), 1,
        [f"+ may gain  every caller that account {ACCOUNT_A} allows"]),
    "more actions": (allow("s3:GetObject"), allow("s3:*"), 1, ["+ gains     s3:* on *"]),
    "new role": (state(), state(role(A, by_token(APP))), 1,
        [f"role {A}", "+ gains     service account"]),
    "deleted role": (state(role(A, by_token(APP))), state(), 0,
        [f"role {A}", "- loses     service account"]),
    "new policy to assume role B": (state(CHAIN[0]), state(CHAIN[0], MAY[0]), 1,
        [f"+ gains     sts:AssumeRole on {B}"]),
    "unread policy attached": (state(CHAIN[0]), state(CHAIN[0], attached("X", "a")), 1,
        ["+ may gain  what the policy"]),
    "boundary removed":
        (state(role(A, by_token(APP), permissionsBoundary="arn:aws:iam::aws:policy/Limit")),
            state(CHAIN[0]), 1, ["+ may gain  what the permissions boundary"]),
    "new association": (state(PODS_OF_EKS), state(PODS_OF_EKS, association("app")), 1,
        ["+ gains     service account dev/app by an association"]),
    "association that is not trusted": (state(PODS_OF_EKS),
        state(PODS_OF_EKS, association("other")), 0, ["no caller gains"]),
    "session tags disabled": (state(PODS_OF_EKS, association("app")),
        state(PODS_OF_EKS, association("app", disableSessionTags=True)), 0,
        ["- loses     service account dev/app by an association"]),
    "tag that role B requires": (state(role(A, by_token(APP)), MAY[0], role(B, BY_TEAM)),
        state(role(A, by_token(APP), tags={"team": "data"}), MAY[0], role(B, BY_TEAM)), 1,
        [f"role {B}", f"+ may gain  service account dev/app {CLUSTER} through {A}"]),
    "wider pattern in a preview": (preview(role(A, by_token(APP)), role(A, by_token(ALL))), None, 1,
        [f"role {A}", "+ gains     service accounts dev/app*"]),
    "replaced role, same callers": (preview(role(A, by_token(APP)),
        renamed(role(A, by_token(APP)))), None, 0, ["no caller gains or loses access"]),
    "replaced role, no association": (preview(PODS_OF_EKS, renamed(PODS_OF_EKS), association("app"),
        {}), None, 0, [f"role {A}", "- loses     service account dev/app by an association"]),
    # A new role whose account its provider says trusts no provider of another account.
    "new role, foreign provider": (preview({}, OF_B, {},
        renamed(role(A, by_token(APP)) | {"provider": f"{OF_B['urn']}::x"})), None, 0,
        ["no caller gains or loses access"]),
    # Which of two roles of one name, in two accounts, it was is not known.
    "one of two roles of a name":
        (state(*(role(arn, by_token(APP)) | {"urn": arn} for arn in SAME_NAME)),
            state(renamed(role(A, by_token(APP)), name="a")), 1, ["role a", "+ gains  "]),
    "client id, trust of any audience": (state(OPEN, provider("a")),
        state(OPEN, provider("a", "b")), 1, [f"+ gains     service account dev/app {CLUSTER}"]),
    # Through others: all who come to role A come to B and C.
    "second role may assume a third": (state(*CHAIN, MAY[1]), state(*CHAIN, *MAY), 1,
        [f"role {B}", f"+ gains     service account dev/app {CLUSTER} through {A} {IF}",
        f"role {C}", f"+ gains     service account dev/app {CLUSTER} through {B} {IF}"]),
    "first role trusts one more": (state(*CHAIN, *MAY),
        state(role(A, by_token(APP, OTHER)), *CHAIN[1:], *MAY), 1,
        [f"role {C}", f"+ gains     service account dev/other {CLUSTER} through {B} {IF}"]),
    "another target role": (state(PODS_OF_EKS, association("app")),
        state(PODS_OF_EKS, association("app", targetRoleArn=B)), 1,
        ["+ may gain  service account dev/app by an association", "with another target role"]),
    "session policy removed": (state(PODS_OF_EKS, association("app", policy="{}")),
        state(PODS_OF_EKS, association("app")), 1, ["+ may gain", "with another session policy"]),
    "role not in the stack": (state(association("app")),
        state(association("app", disableSessionTags=True)), 3,
        ["? undecided service account dev/app by an association"]),
    "policy becomes unreadable": (state(CHAIN[0], MAY[0]),
        state(CHAIN[0], policy("to-b", "a", "x")), 1, ["+ may gain  what the policy to-b allows"]),
    "policy becomes readable": (state(CHAIN[0], policy("to-b", "a", "x")), state(CHAIN[0], MAY[0]),
        1, ["+ may gain  what the policy to-b allows"]),
    # What cannot be read is not equal.
    "trust becomes unreadable": (state(CHAIN[0]), state(role(A, "x")), 3,
        ["? undecided the trust policy is (not"]),
})  # fmt: skip
def test_who_gains_and_who_loses(diff, old, new, code, expected):
    found, out, _ = diff(*([old, new] if new else [old]))
    assert found == code, out
    lines = "".join(line.strip() + "\n" for line in out.splitlines())
    for each in expected:
        assert each in lines, out


def test_each_output_has_the_callers_and_a_witness(diff):
    pair = by_token(APP), by_token(ALL)
    code, out, _ = diff(*pair, output="json")
    [changed] = json.loads(out)["roles"]
    [change] = changed["changes"]
    assert (code, change["effect"], change["statement"]) == (1, "gains", 1)
    assert change["witness"]["sub"] == "system:serviceaccount:dev:appa"

    [run] = json.loads(diff(*pair, output="sarif")[1])["runs"]
    [result] = run["results"]
    assert (result["ruleId"], result["level"]) == ("gains", "error")
    assert "such as sub system:serviceaccount:dev:appa" in result["message"]["text"]

    row = diff(*pair, output="markdown")[1].splitlines()[2]
    assert row.count("|") == 4
    assert "**gains**" in row


@pytest.mark.cases(("documents", "problem"), {
    "one policy": ([by_token(APP)], "a policy says nothing of a change; give the new one, too"),
    "one state": ([state()], "a state says nothing of a change; give a later one, too"),
    "other documents": ([{"x": 1}, {"x": 1}],
        "neither a `pulumi stack export` nor a `pulumi preview --json`"),
    "two kinds of policies": ([by_token(APP), allow("s3:*")],
        "1.json is a permission policy; give two of one kind"),
    "action without a service": ([allow("s3"), allow("s3:*")],
        "Statement[1].Action: 's3' is not an action"),
})  # fmt: skip
def test_what_cannot_be_compared_is_one_line(diff, documents, problem):
    code, out, err = diff(*documents)
    assert (code, out, err.count("\n"), problem in err) == (2, "", 1, True), err
