"""The roles that a service account's role may assume, in `python -m irsa list`."""

import json

from irsa.__main__ import main
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from irsa.identity.policies import assume_role_permissions_policy
from tests.support.fleet import ACCOUNT, ISSUER

ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
TARGET, FURTHER = (f"arn:aws:iam::444455556666:role/{name}" for name in ("target", "further"))
OWN = f"{ROLE}-of-this-account"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/assume-role"
STATEMENTS = [
    *assume_role_permissions_policy(TARGET, FURTHER, OWN)["Statement"],
    {"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": f"{TARGET}-denied"},
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"{TARGET}-*"},
    {"Effect": "Allow", "Action": "iam:GetRole", "Resource": f"{TARGET}-read"},
]
METADATA = {"namespace": "dev", "name": "app", "annotations": {ROLE_ARN_ANNOTATION: ROLE}}
RESOURCES = {
    "irsa:index:EksCluster": {"issuer_url": f"https://{ISSUER}"},
    "aws:iam/role:Role": {"name": "app", "arn": ROLE, "assumeRolePolicy": '{"Statement": []}'},
    "aws:iam/policy:Policy": {
        "arn": POLICY,
        "policy": json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS}),
    },
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {"role": "app", "policyArn": POLICY},
    "kubernetes:core/v1:ServiceAccount": {"metadata": METADATA},
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": {
        "associationArn": f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/dev/a-1",
        "namespace": "dev",
        "serviceAccount": "app",
        "roleArn": ROLE,
        "targetRoleArn": TARGET,
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
        ("IRSA", [TARGET, FURTHER, OWN]),
    ]
    main(["list", "--stack", str(file), "--output", "html"])
    page = capsys.readouterr().out.replace("<wbr>", "")
    alone = f"<li><span>role {TARGET}</span><ul><li><span>?</span><ul></ul></li></ul></li>"
    of_pod_identity = page.partition("Pod Identity</small></li></ul>")[2]
    assert of_pod_identity.startswith(f"<ul><li><span>role app</span><ul>{alone}</ul></li></ul>")
    main(["list", "--stack", str(file)])
    assert (
        f"app, target {TARGET}, may assume {FURTHER}, app-of-this-account, "
        f"app, may assume {TARGET}, {FURTHER}, app-of-this-account"
    ) in capsys.readouterr().out
