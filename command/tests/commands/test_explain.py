"""`python -m irsa explain`: states, previews and trust policies in files; and the tree."""

import json

import pytest

from irsa.__main__ import main
from irsa.commands.pictures.tree import Node
from irsa.identity.policies import irsa_trust_policy, service_trust_policy
from irsa.identity.policy_json import UNKNOWN_OUTPUT
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.pulumi import LATER
from tests.support.mermaid import Drawing
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER
from tests.support.world import PROVIDER_ARN as PROVIDER
from tests.support.world import ROLE_ARN as ARN

EXACT = ServiceAccountRef("dev", "s3-app")
AUDIENCE = "aud StringEquals sts.amazonaws.com"


def resource(type_, logical_name, /, parent="component", **fields):
    urn = f"urn:pulumi:dev::irsa::{type_}::{logical_name}"
    return {"type": type_, "urn": urn, "parent": parent, "inputs": fields, "outputs": {}}


def stack(role_arn, trust, policy_arn):
    attached = UNKNOWN_OUTPUT if role_arn == UNKNOWN_OUTPUT else "s3-app"
    annotations = {"eks.amazonaws.com/role-arn": role_arn}
    metadata = {"namespace": "dev", "name": "s3-app", "annotations": annotations}
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    role = {"name": "s3-app", "arn": role_arn, "assumeRolePolicy": trust}
    return [
        resource("aws:iam/role:Role", "s3-app", **role),
        resource(attachment, "s3-app-bucket", role=attached, policyArn=policy_arn),
        resource("kubernetes:core/v1:ServiceAccount", "s3-app", metadata=metadata),
    ]


def explain(tmp_path, capsys, document, *more):
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(document))
    code = main(["explain", "--state", str(file), "--output", "json", *more])
    return code, json.loads(capsys.readouterr().out or "null")


def node(label, *children):
    return {"label": label, "children": list(children)}


def test_a_state_file_shows_roles_their_users_and_policies(tmp_path, capsys):
    trust = json.dumps(irsa_trust_policy([PROVIDER], [EXACT]))
    policy_arn = f"arn:aws:iam::{ACCOUNT_A}:policy/bucket"
    document = {"version": 3, "deployment": {"resources": stack(ARN, trust, policy_arn)}}

    account = f"service account dev/s3-app of the cluster {ISSUER} if {AUDIENCE}"
    role = node(
        f"role {ARN}",
        node("annotated on service account dev/s3-app"),
        node("can be assumed by", node(account)),
        node("policies", node("bucket")),
    )
    assert explain(tmp_path, capsys, document) == (0, [node("stack", role)])


def test_a_preview_shows_known_and_unknown_values(tmp_path, capsys):
    unknown = stack(UNKNOWN_OUTPUT, UNKNOWN_OUTPUT, UNKNOWN_OUTPUT)
    document = {"steps": [{"op": "create", "newState": each} for each in unknown]}

    role = node(
        "role s3-app",
        node("can be assumed by", node(LATER)),
        node("policies", node("s3-app-bucket")),
    )
    account = node(f"service account dev/s3-app: role {LATER}")
    assert explain(tmp_path, capsys, document) == (0, [node("stack", role, account)])


def test_an_association_leads_to_its_role_and_its_target_role(tmp_path, capsys):
    target = ARN.replace(ACCOUNT_A, ACCOUNT_B)
    associated = resource(
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        "s3-app",
        associationArn=f"arn:aws:eks:us-east-1:{ACCOUNT_A}:podidentityassociation/dev/a-1",
        namespace="dev",
        serviceAccount="s3-app",
        roleArn=ARN,
        targetRoleArn=target,
    )
    role = stack(ARN, json.dumps(service_trust_policy("pods.eks.amazonaws.com")), "")[0]
    document = {"version": 3, "deployment": {"resources": [role, associated]}}

    _, [tree] = explain(tmp_path, capsys, document)
    assert tree["children"][0]["children"][0] == node(
        "role of the association of service account dev/s3-app"
    )

    main(["explain", "--state", str(tmp_path / "stack.json"), "--output", "mermaid"])
    named = Drawing(capsys.readouterr().out).named
    assert {(start, label, end) for start, _, label, end in named} >= {
        ("service account\ndev/s3-app", "association", f"role\n{ARN}"),
        (f"role\n{ARN}", "target role", f"role\n{target}"),
    }


def test_a_trust_policy_in_a_file(tmp_path, capsys):
    file = tmp_path / "trust.json"
    file.write_text(json.dumps(service_trust_policy("ec2.amazonaws.com")))

    assert main(["explain", "--trust-policy", str(file)]) == 0
    assert capsys.readouterr().out.endswith("└── the service ec2.amazonaws.com\n")


@pytest.mark.parametrize(
    ("option", "document", "problem"),
    [
        ("--state", {}, "neither a `pulumi stack export` nor a `pulumi preview --json`"),
        ("--trust-policy", {}, "not a trust policy: no statement names a principal\n"),
        ("--trust-policy", {"Statement": "x"}, "not a trust policy: no statement names a prin"),
        ("--trust-policy", {"Statement": {"Effect": "Allow", "Action": "s3:*"}}, "not a trust pol"),
    ],
)
def test_another_file_is_one_line(tmp_path, capsys, option, document, problem):
    file = tmp_path / "file.json"
    file.write_text(json.dumps(document))

    assert main(["explain", option, str(file)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"irsa explain: {file}: {problem}")
    assert err.count("\n") == 1


def test_the_tree_for_a_terminal():
    tree = Node("a [b]", [Node('c "d" <e>'), Node("f", [Node("g")])])

    assert str(tree) == 'a [b]\n├── c "d" <e>\n└── f\n    └── g'


def test_a_long_label_is_wrapped_beside_its_rail():
    words, arn = "word " * 30, f"arn:{'x' * 120}"

    drawn = str(Node("r", [Node(words.strip(), [Node("b")]), Node(f"role {arn}")]))

    _, first, second, third, *_ = drawn.split("\n")
    assert first == f"├── {'word ' * 19}".rstrip()
    assert (second, third) == (f"│   │ {'word ' * 11}".rstrip(), "│   └── b")
    assert arn in drawn
