"""The roles that a service account's role may assume, in `python -m irsa list`."""

import json

from irsa.__main__ import main
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policies import assume_role_permissions_policy
from tests.support.world import ACCOUNT_A, CLUSTER_ARN, ISSUER_URL, ROLE_ARN, ROLE_B_ARN

FURTHER, OWN = f"{ROLE_B_ARN}-2", f"{ROLE_ARN}-of-this-account"
POLICY = f"arn:aws:iam::{ACCOUNT_A}:policy/assume-role"
STATEMENTS = [
    *assume_role_permissions_policy(ROLE_B_ARN, FURTHER, OWN)["Statement"],
    {"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": f"{ROLE_B_ARN}-denied"},
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"{ROLE_B_ARN}-*"},
    {"Effect": "Allow", "Action": "iam:GetRole", "Resource": f"{ROLE_B_ARN}-read"},
]
METADATA = {"namespace": "dev", "name": "app", "annotations": {ROLE_ARN_ANNOTATION: ROLE_ARN}}
RESOURCES = {
    "irsa:index:EksCluster": {"issuer_url": ISSUER_URL},
    "aws:iam/role:Role": {
        "name": "s3-app",
        "arn": ROLE_ARN,
        "assumeRolePolicy": '{"Statement": []}',
    },
    "aws:iam/policy:Policy": {
        "arn": POLICY,
        "policy": json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS}),
    },
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {"role": "s3-app", "policyArn": POLICY},
    "kubernetes:core/v1:ServiceAccount": {"metadata": METADATA},
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": {
        "associationArn": CLUSTER_ARN.replace("cluster/dev", "podidentityassociation/dev/a-1"),
        "namespace": "dev",
        "serviceAccount": "app",
        "roleArn": ROLE_ARN,
        "targetRoleArn": ROLE_B_ARN,
    },
}


def test_the_roles_that_a_role_s_policies_name_are_its_targets(tmp_path, capsys):
    """The target role of an association is named there already."""
    resources = [
        {"urn": f"urn:pulumi:dev::irsa::{kind}::app", "type": kind, "outputs": outputs}
        for kind, outputs in RESOURCES.items()
    ]
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"deployment": {"resources": resources}}))

    main(["list", "--stack", str(file), "--output", "json"])
    [row] = json.loads(capsys.readouterr().out)["service_accounts"]
    assert [(each["kind"], each["targets"]) for each in row["identities"]] == [
        ("Pod Identity", [FURTHER, OWN]),
        ("IRSA", [ROLE_B_ARN, FURTHER, OWN]),
    ]
    main(["list", "--stack", str(file)])
    assert (
        f"s3-app, target {ROLE_B_ARN}, may assume {FURTHER}, s3-app-of-this-account, "
        f"s3-app, may assume {ROLE_B_ARN}, {FURTHER}, s3-app-of-this-account"
    ) in capsys.readouterr().out
