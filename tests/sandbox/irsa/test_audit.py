"""`python -m irsa audit` on a cluster with one good and some bad service accounts."""

import json

import pytest

from irsa.audit.table import RULES
from tests.sandbox.support.workload import new_workload

pytestmark = pytest.mark.sandbox


def of(workload, findings):
    """The rules that found something about a workload."""
    return [
        (each["rule"], each["severity"])
        for each in findings
        if workload.namespace in each["subject"]
    ]  # fmt: skip


def test_each_service_account_gets_its_own_findings(irsa_world):
    good, open_, gone = (new_workload(irsa_world) for _ in range(3))
    issuer = irsa_world.issuer
    open_.trust(Condition={"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"}})
    gone.delete_role()

    done = irsa_world.irsa("audit", "--output", "json")

    assert done.code == 1
    assert of(good, done.json) == []
    assert of(open_, done.json) == [("no-sub", "error")]
    assert of(gone, done.json) == [("role-missing", "error")]


def test_a1_a_condition_value_that_is_no_string_does_not_end_the_audit(irsa_world):
    odd, after = (new_workload(irsa_world) for _ in range(2))
    odd.condition(("StringEquals", "aud", "sts.amazonaws.com"), ("StringLike", "sub", True))
    after.condition(("StringEquals", "aud", "sts.amazonaws.com"), ("StringLike", "sub", "*:app"))

    done = irsa_world.irsa("audit", "--output", "json")

    assert done.code == 1
    assert of(odd, done.json) == [("trust-mismatch", "error")]
    assert of(after, done.json) == [("broad-sub", "error")]


def test_a2_a_second_clusters_provider_is_read_with_its_client_ids_and_thumbprints(irsa_world):
    workload = new_workload(irsa_world)
    iam = irsa_world.session.aws("iam")
    issuer = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
    private, thumbprint = "https://id.example.com", "990f4193972f2becf12ddeda5237f9c952f20d9e"
    arns = [
        iam.create_open_id_connect_provider(Url=url, **more)["OpenIDConnectProviderArn"]
        for url, more in (
            (f"https://{issuer}", {"ClientIDList": ["vault"]}),
            (private, {"ClientIDList": ["app"], "ThumbprintList": [thumbprint]}),
        )
    ]
    document = workload.trust_policy
    second = json.dumps(document["Statement"][0])
    second = second.replace(irsa_world.provider_arn, arns[0]).replace(irsa_world.issuer, issuer)
    workload.set_trust({**document, "Statement": [*document["Statement"], json.loads(second)]})

    done = irsa_world.irsa("audit", "--output", "json")

    for arn in arns:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert of(workload, done.json) == [("other-cluster", "note")]
    about = {each["rule"]: each["found"] for each in done.json if each["subject"].endswith(arns[0])}
    assert about == {"client-ids": "asked for: sts.amazonaws.com; client ids: vault"}
    about = {each["rule"]: each["found"] for each in done.json if each["subject"].endswith(arns[1])}
    assert about == {"thumbprint": thumbprint}


def test_the_report_is_text_and_sarif_too(irsa_world):
    workload = new_workload(irsa_world)
    workload.delete_role()

    text = irsa_world.irsa("audit")
    report = irsa_world.irsa("audit", "--output", "sarif")

    assert (text.code, report.code) == (1, 1)
    assert f"service account {workload.namespace}/app" in text.out
    [run] = report.json["runs"]
    assert {result["ruleId"] for result in run["results"]} <= RULES.keys()


def test_without_permission_it_says_which_one_it_needs(irsa_world):
    iam = irsa_world.session.aws("iam")
    iam.create_user(UserName="auditor")
    key = iam.create_access_key(UserName="auditor")["AccessKey"]
    keys = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }

    done = irsa_world.irsa("audit", **keys)

    iam.delete_access_key(UserName="auditor", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="auditor")
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert (
        "could not read IAM roles: needs iam:GetAccountAuthorizationDetails or iam:ListRoles"
        in done.err
    )
