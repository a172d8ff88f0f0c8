"""`python -m irsa explain`: the tree, and trust policies in files."""

import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from command.tests.verify.chains import GOOD, UNREAD
from irsa.__main__ import main
from irsa.commands import explain
from irsa.commands.explain import chain_tree
from irsa.commands.tree import TreeNode
from irsa.identity.policies import irsa_trust_policy, service_trust_policy
from irsa.identity.policy_json import UNKNOWN_OUTPUT as LATER
from irsa.identity.pulumi_types import ROLE
from irsa.identity.subjects import ServiceAccountRef
from irsa.verify.link import Check
from tests.support.world import ISSUER, PROVIDER_ARN, ROLE_ARN


def test_a_tree_has_a_line_per_link_with_its_remedy_below():
    passed = Check("service-account", "").passed()
    failed = Check("role", "").failed("there is none", "create it")
    facts = replace(GOOD, role=replace(GOOD.role, trust_policy=service_trust_policy("x.aws")))

    tree = chain_tree(facts, [passed, failed], lambda _: (), ["dev/s3-app"])

    assert str(tree) == (
        "dev/s3-app\n"
        "├── ✓ service-account: as expected\n"
        "├── ✗ role: there is none\n"
        "│   └── remedy: create it\n"
        f"└── who can assume {ROLE_ARN}\n"
        "    ├── the service x.aws\n"
        "    └── in this cluster\n"
        "        └── dev/s3-app"
    )


def test_a_trust_policy_in_a_file(tmp_path, capsys):
    file = tmp_path / "trust.json"
    file.write_text(json.dumps(service_trust_policy("ec2.amazonaws.com")))
    assert main(["explain", "--trust-policy", str(file)]) == 0
    assert capsys.readouterr().out.endswith("└── the service ec2.amazonaws.com\n")


def test_the_callers_of_all_roles_of_a_program_in_a_file(tmp_path, capsys):
    policies = {"build": json.dumps(service_trust_policy("ec2.amazonaws.com")), "later": LATER}
    made = {name: {"name": name, "assumeRolePolicy": each} for name, each in policies.items()}
    new = [{"urn": name, "type": ROLE, "inputs": each} for name, each in made.items()]
    steps = [{"op": "create", "newState": each} for each in new]
    (tmp_path / "preview.json").write_text(json.dumps({"steps": steps}))

    assert main(["explain", "--trust-policy", str(tmp_path / "preview.json")]) == 3

    out, err = capsys.readouterr()
    assert out == "who can assume build\n└── the service ec2.amazonaws.com\n"
    assert err == "irsa explain: later: the trust policy is (known after up)\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_that_powershell_wrote_is_read(tmp_path, capsys, encoding):
    file = tmp_path / "trust.json"
    file.write_text(json.dumps(service_trust_policy("ec2.amazonaws.com")), encoding=encoding)
    assert main(["explain", "--trust-policy", str(file)]) == 0
    assert "the service ec2.amazonaws.com" in capsys.readouterr().out


@pytest.mark.parametrize("operator", ["StringLik", " StringLike", "StringLikeIgnoreCase"])
def test_an_operator_that_does_not_exist_is_undecided(tmp_path, capsys, operator):
    file = tmp_path / "trust.json"
    trust = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "app")])
    trust["Statement"][0]["Condition"] = {operator: {f"{ISSUER}:sub": "x"}}
    file.write_text(json.dumps(trust))
    assert main(["explain", "--trust-policy", str(file)]) == 3
    assert f"undecided: there is no operator {operator!r}" in capsys.readouterr().out


def test_a_key_that_stands_twice_is_refused_and_not_lost(tmp_path, capsys):
    file = tmp_path / "trust.json"
    file.write_text('{"Statement": {"Condition": {"a": 1, "a": 2}}}')
    assert main(["explain", "--trust-policy", str(file)]) == 2
    assert "the key 'a' stands twice in one object" in capsys.readouterr().err


OF_S3 = {"Statement": {"Effect": "Allow", "Action": "s3:*"}}


@pytest.mark.parametrize("document", [{}, {"Statement": "x"}, OF_S3])
def test_another_file_is_one_line(tmp_path, capsys, document):
    file = tmp_path / "file.json"
    file.write_text(json.dumps(document))
    assert main(["explain", "--trust-policy", str(file)]) == 2
    problem = "not a trust policy: no statement names a principal"
    assert capsys.readouterr().err == f"irsa explain: {file}: {problem}\n"


def test_a_long_label_is_wrapped_beside_its_rail():
    words, arn = "word " * 30, f"arn:{'x' * 120}"
    drawn = str(TreeNode("r", [TreeNode(words.strip(), [TreeNode("b")]), TreeNode(f"role {arn}")]))
    _, first, second, third, *_ = drawn.split("\n")
    assert first == f"├── {'word ' * 19}".rstrip()
    assert (second, third) == (f"│   │ {'word ' * 11}".rstrip(), "│   └── b")
    assert arn in drawn


MISSING, UNKNOWN = (replace(GOOD, service_account=each) for each in (None, UNREAD))


@pytest.mark.parametrize(
    ("accounts", "code"),
    [([GOOD], 0), ([GOOD, UNKNOWN], 3), ([UNKNOWN, MISSING, GOOD], 1)],
    ids=["whole", "unread", "missing"],
)
def test_the_exit_code_is_that_of_the_worst_chain(monkeypatch, capsys, accounts, code):
    cluster = SimpleNamespace(service_accounts=list)
    monkeypatch.setattr(explain, "questions", lambda _: [None])
    monkeypatch.setattr(explain, "places", lambda _: nullcontext(SimpleNamespace(cluster=cluster)))
    monkeypatch.setattr(explain, "gather_each", lambda *_: accounts)

    assert main(["explain", "dev/s3-app"]) == code
    assert capsys.readouterr().err.count("irsa explain: ") == len(accounts) - 1
