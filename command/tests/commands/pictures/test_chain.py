"""Chains that were read from a cluster, as trees and as one picture."""

from dataclasses import replace

from command.tests.verify.chains import GOOD, ROLE, targeted
from irsa.commands.pictures.chain import Explained, chain_tree, chains_picture
from irsa.commands.pictures.mermaid import flowchart
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.facts import PermissionsPolicy, Role, Unread
from irsa.verify.facts import RoleBFacts, RoleBTarget
from irsa.verify.link import Check
from irsa.verify.walk import Chain
from irsa.who.assumers import who_can_assume
from irsa.who.callers import Callers
from tests.support.mermaid import Drawing
from tests.support.world import ACCOUNT_A, BUCKET_ARN, PROVIDER_ARN, ROLE_ARN, ROLE_B_ARN

POD = "Deployment\ndev/s3-app"
ACCOUNT = "service account\ndev/s3-app"
ROLE_A, ROLE_B, BUCKET = f"role\n{ROLE_ARN}", f"role\n{ROLE_B_ARN}", f"bucket\n{GOOD.bucket}"
READS = {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": f"{BUCKET_ARN}/*"}}
OWN = GOOD.role.trust_policy["Statement"][0]


def trusting(*principals):
    return {
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": each}, "Action": "sts:AssumeRole"}
            for each in principals
        ]
    }


def explained(facts, callers=None):
    roles = (facts.role, facts.role_b and facts.role_b.role)
    read = [role for role in roles if isinstance(role, Role)]
    who = {role.arn: who_can_assume(role.trust_policy) for role in read}
    return Explained(facts, Chain(facts).links(), who, callers or {})


def drawn(*chains):
    return Drawing(flowchart(chains_picture(chains)))


def chained(trust_policy, **more):
    role_b = Role(ROLE_B_ARN, "AROAB", trust_policy, policies=(PermissionsPolicy("data", READS),))
    facts = RoleBFacts(target=RoleBTarget(role_arn=ROLE_B_ARN), role=role_b)
    return replace(GOOD, role_b=facts, **more)


def test_a_tree_has_a_line_per_link_with_its_remedy_below():
    passed = Check("service-account", "").passed()
    failed = Check("role", "").failed("there is none", "create it")

    tree = chain_tree(Explained(GOOD, [passed, failed], {ROLE_ARN: []}, {}), ["dev/s3-app"])

    assert str(tree) == (
        "dev/s3-app\n"
        "├── ✓ service-account: as expected\n"
        "├── ✗ role: there is none\n"
        "│   └── remedy: create it\n"
        f"└── who can assume {ROLE_ARN}\n"
        "    └── in this cluster\n"
        "        └── dev/s3-app"
    )


def test_a_chain_is_a_picture_with_one_box_per_resource():
    assert drawn(explained(GOOD)).named == {
        (POD, "-->", "✓ runs as", ACCOUNT),
        (ACCOUNT, "-->", "✓ annotation\n✓ trust", ROLE_A + "\npolicy all"),
        (ROLE_A + "\npolicy all", "-->", "✓ policy", BUCKET),
    }


def test_an_association_leads_through_the_agent_to_the_target_role():
    named = drawn(explained(targeted())).named

    labels = {(start.split("\n")[1], end.split("\n")[1]): text for start, _, text, end in named}
    assert labels["dev/s3-app", ROLE_ARN] == "✓ association\n✓ agent\n✓ trust"
    assert labels[ROLE_ARN, ROLE_B_ARN] == "✓ policy\n✓ trust"


def test_several_workloads_share_one_picture_and_its_boxes():
    other = replace(GOOD, name="other", pods=())

    drawing = drawn(explained(GOOD), explained(other))

    labels = list(drawing.boxes.values())
    assert len(labels) == len(set(labels))
    assert labels.count(BUCKET) == 1
    [without_pod] = [text for text in labels if text.startswith("service account\ndev/other")]
    assert without_pod.replace("\n", " ").count("no Pod runs as this service account") == 1


def test_a_failed_link_is_a_crossed_arrow_with_the_beginning_of_the_reason():
    denying = replace(ROLE, trust_policy={"Statement": [{**OWN, "Effect": "Deny"}]})

    named = drawn(explained(replace(GOOD, role=denying))).named
    arrows = {(start, end): (kind, text) for start, kind, text, end in named}

    kind, text = arrows[ACCOUNT, ROLE_A + "\npolicy all"]
    assert kind == "--x"
    assert "✓ annotation" in text
    assert "✗ trust: trust policy, …" in text.split("\n")
    assert "✗ trust policy denies it" in text


def test_a_role_that_is_missing_or_could_not_be_read_says_so_in_its_box():
    unread = Unread(f"role {ROLE_ARN}", "AccessDenied", "iam:GetRole")

    drawing = drawn(explained(replace(GOOD, role=unread)))

    [box] = [text for text in drawing.boxes.values() if text.startswith(ROLE_A)]
    assert "could not read role" in box.replace("\n", " ")
    assert {(kind, text.split("\n")[-1]) for _, kind, text, end in drawing.named if end == box} == {
        ("-.->", "? role")
    }
    missing = drawn(explained(replace(GOOD, role=None))).boxes.values()
    assert f"{ROLE_A}\ndoes not exist" in missing


def test_a_service_account_without_a_role_keeps_its_findings():
    bare = replace(
        GOOD, service_account=replace(GOOD.service_account, annotations={}), expected_role="",
        role=None, bucket="",
    )  # fmt: skip

    [_, account] = sorted(drawn(explained(bare)).boxes.values())

    assert account.replace("\n", " ").startswith(
        "service account dev/s3-app annotation: no such annotation"
    )


def test_role_a_leads_to_role_b_and_that_to_its_bucket():
    named = drawn(explained(chained(trusting(ROLE_ARN)))).named

    ends = {(start.split("\n")[1], kind, end.split("\n")[1]) for start, kind, _, end in named}
    assert {(ROLE_ARN, "-->", ROLE_B_ARN), (ROLE_B_ARN, "-->", GOOD.bucket)} <= ends


def through_the_account(callers):
    """The picture of a role B that trusts account A, with these callers of it."""
    trusted = {ROLE_B_ARN: {ACCOUNT_A: callers}}
    return drawn(explained(chained(trusting(f"arn:aws:iam::{ACCOUNT_A}:root")), trusted))


def test_callers_of_a_trusted_account_are_drawn_through_it():
    other, user = f"arn:aws:iam::{ACCOUNT_A}:role/ops", f"arn:aws:iam::{ACCOUNT_A}:user/bob"
    callers = Callers(ACCOUNT_A, (ROLE_ARN, other), ((user, "aws:SourceIp"),))

    named = through_the_account(callers).named

    account = f"account\n{ACCOUNT_A}"
    assert {(start, kind, text) for start, kind, text, end in named if end == account} == {
        (f"role\n{other}", "-->", "policy"),
        (f"user\n{user}", "-.->", "? policy: aws:SourceIp"),
    }
    assert (account, "-->", "trust", ROLE_B) in named


def test_the_box_of_an_unread_account_says_so():
    unread = Unread(f"users and roles of account {ACCOUNT_A}", "denied", "iam:Get")

    boxes = through_the_account(Callers(ACCOUNT_A, unread=unread)).boxes.values()

    [account] = [text for text in boxes if text.startswith("account")]
    assert "needs iam:Get" in account.replace("\n", " ")


def test_a_service_account_with_a_chain_is_not_drawn_as_a_principal_again():
    both = [ServiceAccountRef("dev", "s3-app"), ServiceAccountRef("dev", "other")]
    facts = replace(GOOD, role=replace(ROLE, trust_policy=irsa_trust_policy([PROVIDER_ARN], both)))
    claims = {**GOOD.token.claims, "sub": "system:serviceaccount:dev:other"}
    other = replace(facts, name="other", token=replace(GOOD.token, claims=claims))

    named = drawn(explained(facts), explained(other)).named

    assert {text for start, _, text, _ in named if start.startswith("service account")} == {
        "✓ annotation\n✓ trust"
    }
