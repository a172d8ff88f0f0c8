"""`python -m irsa explain`: the tree, and trust policies in files."""

import json
import re
from dataclasses import replace

import pytest

from command.tests.verify.chains import GOOD, GOOD_EKS
from irsa.__main__ import main
from irsa.commands.explain import chain_tree
from irsa.commands.tree import TreeNode, flowchart
from irsa.observe.facts import Role
from irsa.printable import line
from irsa.verify.link import Check, failing_link
from irsa.verify.walk import Chain
from irsa_core.identity.policies import irsa_trust_policy, service_trust_policy
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT as LATER
from irsa_core.identity.pulumi_types import ROLE
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import ISSUER, PROVIDER_ARN, ROLE_ARN


def test_a_tree_has_a_line_per_link_with_its_remedy_below():
    passed = Check("service-account", "").passed()
    failed = Check("role", "").failed("there is none", "create it")
    facts = replace(GOOD, role=replace(GOOD.role, trust_policy=service_trust_policy("x.aws")))

    assert str(chain_tree(facts, [passed, failed], lambda _: (), ["dev/s3-app"])) == (
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
    answer = {"Role": {"AssumeRolePolicyDocument": service_trust_policy("ec2.amazonaws.com")}}
    file.write_text(json.dumps(answer))  # as `aws iam get-role` prints it
    assert main(["explain", "--trust-policy", str(file)]) == 0
    assert capsys.readouterr().out.endswith("└── the service ec2.amazonaws.com\n")
    assert main(["explain", "--trust-policy", str(file), "--output", "mermaid"]) == 0
    callers = {"label": "the service ec2.amazonaws.com", "children": []}
    who = f"who can assume a role with the trust policy {file}"
    assert drawn(capsys.readouterr().out) == ([{"label": who, "children": [callers]}], [])


BOX = re.compile(r' {4}(?:(n\d+) --> )?(n\d+)\["([A-Za-z0-9 .,/:=✓✗·#;-]*)"\](:::fails)?')


def drawn(chart):
    """The trees of a flowchart as JSON, and the labels that are marked."""
    found, trees, marked = {}, [], []
    for row in chart.splitlines()[1:-1]:
        before, name, text, mark = BOX.fullmatch(row).groups()
        label = re.sub(r"#(\d+);", lambda char: chr(int(char[1])), text)
        found[name] = {"label": label, "children": []}
        (found[before]["children"] if before else trees).append(found[name])
        marked += [label] if mark else []
    return trees, marked


@pytest.mark.cases("good", {"irsa": GOOD, "pod-identity": GOOD_EKS})
def test_a_flowchart_is_the_tree_with_the_first_failing_link_marked(good):
    facts = replace(good, role=Role(ROLE_ARN, "A", service_trust_policy("x.aws")))
    links = Chain(facts).links()
    tree = chain_tree(facts, links, lambda _: (), ["dev/s3-app"])

    marked = [f"✗ {failing_link(links).key}: {line(failing_link(links).found)}"]
    assert drawn(flowchart([tree, tree])) == ([tree.as_json()] * 2, marked * 2)


@pytest.mark.cases("label", {
    "brackets and quotes": 'a [b] {c} (d) "e" <f> |g| `h` \\n', "entities": "#35; &amp; #quot;",
    "two lines": "two\nlines", "list": "1. a", "item": "- a", "emphasis": "_a*b*",
    "directive": "%%{init: {}}%%", "style": "style x:y#35; z", "class": "classDef a:b#1;",
    "icon": "fab:fa-x", "URL": "https://x.y", "host": "www.x.y", "mail address": "a@b.c",
    "Mermaid's placeholders": "ﬂ°°35¶ß", "Japanese": "日本",
})  # fmt: skip
def test_a_label_is_text_in_a_flowchart(label):
    chart = flowchart([TreeNode(label)])
    assert drawn(chart) == ([{"label": line(label), "children": []}], [])
    assert not re.search(r'style|classDef|:(//|fa)|www\.|"[\d-]', chart.splitlines()[1])


def test_the_callers_of_all_roles_of_a_program_in_a_file(tmp_path, capsys):
    policies = {"build": json.dumps(service_trust_policy("ec2.amazonaws.com")), "later": LATER}
    made = {name: {"name": name, "assumeRolePolicy": policy} for name, policy in policies.items()}
    new = [{"urn": name, "type": ROLE, "inputs": inputs} for name, inputs in made.items()]
    steps = [{"op": "create", "newState": state} for state in new]
    (tmp_path / "preview.json").write_text(json.dumps({"steps": steps}))

    assert main(["explain", "--trust-policy", str(tmp_path / "preview.json")]) == 3

    out, err = capsys.readouterr()
    assert out == "who can assume build\n└── the service ec2.amazonaws.com\n"
    assert err == "irsa explain: later: the trust policy is (known after up)\n"


def by_operator(operator):
    [statement] = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "app")])["Statement"]
    return {"Statement": [{**statement, "Condition": {operator: {f"{ISSUER}:sub": "x"}}}]}


POLICY_OF_EC2 = json.dumps(service_trust_policy("ec2.amazonaws.com"))
NO_PRINCIPAL = "file.json: not a trust policy: no statement names a principal\n"


@pytest.mark.cases(("content", "code", "text"), {
    **{f"{each} of PowerShell": (POLICY_OF_EC2.encode(each), 0, "the service ec2.amazonaws.com")
        for each in ("utf-8-sig", "utf-16")},
    **{f"unknown operator {each!r}": (by_operator(each), 3,
        f"undecided: there is no operator {each!r}")
        for each in ("StringLik", " StringLike", "StringLikeIgnoreCase")},
    "key twice in an object": (b'{"Statement": {"Condition": {"a": 1, "a": 2}}}', 2,
        "the key 'a' stands twice in one object"),
    **{f"no trust policy {json.dumps(each)}": (each, 2, NO_PRINCIPAL)
        for each in ({}, {"Statement": "x"}, {"Statement": {"Effect": "Allow", "Action": "s3:*"}})},
})  # fmt: skip
def test_a_file_is_decided_or_refused_in_one_line(tmp_path, capsys, content, code, text):
    file = tmp_path / "file.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    assert main(["explain", "--trust-policy", str(file)]) == code
    out, err = capsys.readouterr()
    assert text in (err if code == 2 else out)
    assert err.count("\n") == (code == 2)


def test_a_long_label_is_wrapped_beside_its_rail():
    words, arn = "word " * 30, f"arn:{'x' * 120}"
    drawn = str(TreeNode("r", [TreeNode(words.strip(), [TreeNode("b")]), TreeNode(f"role {arn}")]))
    _, first, second, third, *_ = drawn.split("\n")
    assert first == f"├── {'word ' * 19}".rstrip()
    assert (second, third) == (f"│   │ {'word ' * 11}".rstrip(), "│   └── b")
    assert arn in drawn
