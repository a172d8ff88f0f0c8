"""`python -m irsa list`: rows, table and page, from saved files."""

import json
import re

import pytest

from irsa.__main__ import main
from irsa.commands.pictures.fleet import MOST
from irsa.identity.arns import name_of
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from tests.support.browser import browsing
from tests.support.fleet import ACCOUNT, ISSUER, Fleet

HOSTILE = '"><script>document.title = "run"</script><img src=x onerror=alert(1)>'


class Saved:
    """Files of a small cluster that a test changes before they are listed."""

    def __init__(self, folder, capsys, size=3):
        fleet = Fleet(size, providers=1)
        self.folder, self.capsys = folder, capsys
        self.options = fleet.save(folder)
        self.accounts = json.loads((folder / "accounts.json").read_text())
        self.roles = json.loads((folder / "roles.json").read_text())
        self.pods = []

    def account(self, number):
        return self.accounts["items"][number]["metadata"]

    def statement(self, number):
        return self.roles["RoleDetailList"][number]["AssumeRolePolicyDocument"]["Statement"][0]

    def pod(self, number, *, owner=None, labels=None, phase="Running", **container):
        account = self.account(number)
        metadata = {
            "namespace": account["namespace"],
            "name": f"pod-{len(self.pods)}",
            "labels": labels or {},
            "ownerReferences": [{**owner, "controller": True}] if owner else [],
        }
        spec = {"serviceAccountName": account["name"], "containers": [{"name": "app", **container}]}
        status = {"phase": phase}
        self.pods.append({"kind": "Pod", "metadata": metadata, "spec": spec, "status": status})

    def list(self, *more):
        """Exit code, standard output and standard error."""
        (self.folder / "accounts.json").write_text(json.dumps(self.accounts))
        (self.folder / "roles.json").write_text(json.dumps(self.roles))
        listed = {"kind": "List", "items": self.pods}
        (self.folder / "pods.json").write_text(json.dumps(listed))
        pods = ("--pods", str(self.folder / "pods.json")) if self.pods else ()
        code = main(["list", *self.options, *pods, *more])
        return (code, *self.capsys.readouterr())

    def rows(self):
        code, out, _ = self.list("--output", "json")
        assert code == 0
        return json.loads(out)["service_accounts"]


@pytest.fixture
def saved(tmp_path, capsys):
    return Saved(tmp_path, capsys)


def variable(name, **source):
    return {"name": name, **source}


def role(number):
    return f"arn:aws:iam::{ACCOUNT}:role/app-{number:05}"


INJECTED = [variable("AWS_ROLE_ARN", value=role(0))]
KEY = variable("AWS_ACCESS_KEY_ID", valueFrom={"secretKeyRef": {"name": "s3", "key": "id"}})
AGENT = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", value="http://169.254.170.23/v1/credentials")
IRSA = {"kind": "IRSA", "source": role(0)}

PODS = {
    "the webhook's role": ({"env": INJECTED}, [IRSA]),
    "a key out of a Secret": (
        {"env": [KEY, *INJECTED]},
        [{"kind": "access key", "source": "Secret s3"}, IRSA],
    ),
    "a key in the spec": (
        {"env": [variable("AWS_ACCESS_KEY_ID", value="AKIAEXAMPLE")]},
        [{"kind": "access key", "source": "its spec"}, IRSA],
    ),
    "an empty key, which SDKs ignore": ({"env": [variable("AWS_ACCESS_KEY_ID", value="")]}, [IRSA]),
    "the Pod Identity agent": (
        {"env": [AGENT]},
        [{"kind": "Pod Identity", "source": ""}, IRSA],
    ),
    "a credentials endpoint of its own": (
        {"env": [variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", value="http://localhost/")]},
        [IRSA],
    ),
    "another role than the annotation's": (
        {"env": [variable("AWS_ROLE_ARN", value=role(1))]},
        [IRSA, {"kind": "IRSA", "source": role(1)}],
    ),
}


@pytest.mark.parametrize(("container", "identities"), PODS.values(), ids=PODS)
def test_a_pod_says_by_its_variables_who_it_is(saved, container, identities):
    saved.pod(0, **container)

    assert saved.rows()[0]["identities"] == identities


def test_a_credentials_file_on_a_secret_is_an_access_key(saved):
    mounts = [{"name": "aws", "mountPath": "/home/app/.aws"}]
    saved.pod(1, volumeMounts=mounts)
    saved.pods[0]["spec"]["volumes"] = [{"name": "aws", "secret": {"secretName": "keys"}}]

    assert saved.rows()[1]["identities"][0] == {"kind": "access key", "source": "Secret keys"}


def test_a_token_of_its_own_is_irsa_by_profile(saved):
    del saved.account(1)["annotations"]
    saved.pod(1, volumeMounts=[{"name": "t", "mountPath": "/t"}])
    token = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
    saved.pods[0]["spec"]["volumes"] = [{"name": "t", "projected": {"sources": [token]}}]

    assert saved.rows()[1]["identities"] == [{"kind": "IRSA by profile", "source": ""}]


def test_pods_without_the_annotation_s_role_are_counted_and_ended_ones_are_not(saved):
    saved.pod(0, env=INJECTED)
    saved.pod(0)
    saved.pod(0, phase="Succeeded")

    row = saved.rows()[0]

    assert (row["pods"], row["pods_without_role"]) == (["pod-0", "pod-1"], 1)
    assert "IRSA (1 of 2 Pods without)" in saved.list()[1]


def test_a_secret_in_whole_is_said_to_be_unread(saved):
    del saved.account(1)["annotations"]
    saved.pod(1, envFrom=[{"secretRef": {"name": "settings"}}])

    _, out, _ = saved.list("--all")

    assert saved.rows()[1]["secrets_not_read"] == ["Secret settings"]
    assert "node's or none (Secret settings not read)" in out
    assert "one may be an access key (Secrets are not read): 1\n" in out


def test_pods_are_told_by_the_deployment_that_makes_them(saved):
    owner = {"kind": "ReplicaSet", "name": "web-6f846d5576"}
    saved.pod(0, owner=owner, labels={"pod-template-hash": "6f846d5576"})
    saved.pod(0, owner={"kind": "StatefulSet", "name": "db"})

    assert "2 (Deployment web, StatefulSet db)" in saved.list()[1]


def test_a_service_account_bears_the_findings_of_its_role(saved):
    del saved.statement(0)["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    del saved.roles["RoleDetailList"][2]

    assert [row["findings"] for row in saved.rows()] == [["no-sub"], [], ["role-missing"]]


def test_the_last_use_of_a_role_that_nobody_used_is_no_unknown_one(saved):
    saved.roles["RoleDetailList"][1]["RoleLastUsed"] = {}

    assert [row["role_last_used"] for row in saved.rows()] == [
        "2026-11-26T09:00:00Z",
        "",
        "2026-11-26T09:00:00Z",
    ]
    del saved.roles["RoleDetailList"][1]["RoleLastUsed"]
    assert [row["role_last_used"] for row in saved.rows()] == [None] * 3


def test_what_has_nothing_of_aws_is_counted_and_left_out(saved):
    del saved.account(1)["annotations"]

    _, out, err = saved.list()
    _, everything, _ = saved.list("--all")

    assert err == ""
    assert "app-00001" not in out
    assert f"2 service accounts of https://{ISSUER}; 1 more have nothing of AWS" in out
    assert re.search(r"^  app-00001 .* node's or none ", everything, re.MULTILINE)


def test_what_was_not_read_is_a_line_and_a_question_mark(saved):
    _, out, _ = saved.list()

    assert "  app-00000        ?     IRSA      app-00000    2026-11-26 09:00 (role)  ?  " in out
    assert out.splitlines()[-4:-1] == [
        (
            "Pods: not known; give --pods what `kubectl get pods --all-namespaces --output json` "
            "prints"
        ),
        "Pod Identity associations: not asked for, since --roles says to read no AWS",
        "sessions and failures: not asked for, since --roles says to read no AWS",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_lines_no_wider_than_it_is(saved, monkeypatch, width):
    saved.account(0)["annotations"][ROLE_ARN_ANNOTATION] = role(0) + "x" * 40
    saved.pod(0, env=[KEY, *INJECTED], owner={"kind": "StatefulSet", "name": "y" * 40})
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    _, out, _ = saved.list()

    lines = out.splitlines()
    rows = lines[: lines.index("namespace team-02") + 2]
    assert max(map(len, rows)) <= max(width, 80)
    assert any("…" in line for line in rows)


def test_a_control_sequence_in_a_name_does_not_reach_the_terminal(saved):
    saved.account(0)["annotations"][ROLE_ARN_ANNOTATION] = "arn:\x1b[31mred"

    _, out, _ = saved.list()

    assert "\x1b" not in out
    assert r"arn:\x1b[31mred" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trail-pages", "x"], "--trail-pages 'x' is not a number of pages from 0 to 10000"),
        (["--trail-pages", "-1"], "--trail-pages '-1' is not a number of pages from 0 to 10000"),
    ],
)
def test_wrong_options_are_one_line(capsys, options, message):
    assert main(["list", *options]) == 2
    assert capsys.readouterr() == ("", f"irsa list: {message}\n")


def test_pods_that_are_none_are_one_line(saved, tmp_path):
    saved.pods.append({"kind": "Pod", "metadata": {"namespace": "a", "name": "b"}, "spec": {}})
    saved.pods[0]["spec"]["containers"] = [1]

    code, out, err = saved.list()

    assert (code, out) == (2, "")
    assert err == (
        f"irsa list: --pods {tmp_path / 'pods.json'}: Pod a/b has no valid spec; give what "
        "`kubectl get pods --all-namespaces --output json` prints\n"
    )


def arrows(html):
    """Status and ends of the arrows between service accounts, roles and the rest."""
    drawn = re.findall(r'<g class="arrow (\w+)" data-from="([^"]+)" data-to="([^"]+)">', html)
    return {(name_of(a), name_of(b), status) for status, a, b in drawn if a != ISSUER}


def test_the_picture_says_of_each_way_whether_it_holds(saved):
    other = "arn:aws:iam::444455556666:role/other"
    saved.statement(0)["Condition"]["StringEquals"][f"{ISSUER}:sub"] = "system:serviceaccount:a:b"
    saved.account(1)["annotations"][ROLE_ARN_ANNOTATION] = other
    saved.pod(2, env=[KEY, variable("AWS_ROLE_ARN", value=role(1))])
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": other}
    policy = {"PolicyName": "chain", "PolicyDocument": {"Statement": statement}}
    saved.roles["RoleDetailList"][2]["RolePolicyList"].append(policy)

    _, out, _ = saved.list("--output", "html")

    assert arrows(out) == {
        ("app-00000", "app-00000", "failed"),
        ("app-00001", "other", "unknown"),
        ("app-00002", "app-00002", "passed"),
        ("app-00002", "app-00001", "plain"),
        ("app-00002", "team-02: Secret s3", "plain"),
        ("app-00001", "app-00001", "plain"),
        ("app-00000", "data-0", "plain"),
        ("app-00001", "data-1", "plain"),
        ("app-00002", "data-2", "plain"),
        ("app-00002", "other", "plain"),
    }


def test_a_pattern_in_a_trust_policy_is_drawn_as_whom_it_lets_in(saved):
    block = saved.statement(0)["Condition"]
    del block["StringEquals"][f"{ISSUER}:sub"]
    block["StringLike"] = {f"{ISSUER}:sub": "system:serviceaccount:team-00:*"}
    del saved.statement(1)["Condition"]["StringEquals"][f"{ISSUER}:sub"]

    _, out, _ = saved.list("--output", "html")

    assert f'data-from="team-00/*" data-to="{role(0)}"' in out
    assert f'data-from="every service account" data-to="{role(1)}"' in out


@pytest.fixture
def page(saved, tmp_path):
    """Show the page in a browser."""

    def show(*more):
        code, out, _ = saved.list("--output", "html", *more)
        assert code == 0
        (tmp_path / "page.html").write_text(out)
        return browsing(tmp_path / "page.html", tmp_path / "browser")

    return show


VISIBLE = "[...document.querySelectorAll('tbody tr')].filter(r => !r.hidden).length"
DRAWN = "document.querySelectorAll('g.box.service-account').length"
BRIGHT = "document.querySelectorAll('g.box.service-account:not(.dim)').length"


def typed(text):
    return (
        f"(() => {{ const f = document.getElementById('filter'); f.value = {json.dumps(text)}; "
        "f.dispatchEvent(new Event('input')) })()"
    )


def test_a_browser_draws_every_service_account_and_filters(page, tmp_path):
    with page() as shown:
        assert (shown.ask(DRAWN), shown.ask(VISIBLE)) == (3, 3)
        assert shown.ask("document.querySelectorAll('g.box.role').length") == 3
        assert shown.ask("document.querySelectorAll('g.box.bucket').length") == 3
        assert shown.ask("document.querySelectorAll('g.arrow.passed').length") == 3

        shown.ask(typed("TEAM-01 irsa"))
        assert (shown.ask(VISIBLE), shown.ask(BRIGHT), shown.ask(DRAWN)) == (1, 1, 3)
        assert shown.ask("document.getElementById('shown').textContent") == "1"
        shown.ask(typed("nothing of the kind"))
        assert (shown.ask(VISIBLE), shown.ask(BRIGHT)) == (0, 0)
        shown.ask(typed(""))
        assert (shown.ask(VISIBLE), shown.ask(BRIGHT)) == (3, 3)

        assert shown.complaints == []
        assert shown.requests == [(tmp_path / "page.html").as_uri()]


def test_markup_in_an_annotation_stays_text_in_a_browser(saved, page):
    saved.account(0)["annotations"][ROLE_ARN_ANNOTATION] = HOSTILE
    saved.account(1)["annotations"][ROLE_ARN_ANNOTATION] = "</svg></script>" + HOSTILE

    with page() as shown:
        cells = shown.ask(
            "[...document.querySelectorAll('tbody td')].map(each => each.textContent)"
        )
        assert HOSTILE in cells
        assert shown.ask("document.querySelectorAll('script').length") == 1
        assert shown.ask("document.querySelectorAll('img').length") == 0
        assert shown.ask("document.title") == f"Service accounts of {ISSUER}"
        assert shown.ask("document.querySelectorAll('g.arrow.failed').length") == 2
        assert (shown.ask(DRAWN), shown.complaints) == (3, [])


def test_the_policy_lets_no_other_script_run(saved, tmp_path):
    """Should a text become markup all the same, it does nothing."""
    _, out, _ = saved.list("--output", "html")
    hostile = tmp_path / "hostile.html"
    hostile.write_text(out.replace("<ul>", f"<ul>{HOSTILE}", 1))

    with browsing(hostile, tmp_path / "browser") as shown:
        assert shown.ask("document.querySelectorAll('script').length") == 2
        assert shown.ask("document.title") == f"Service accounts of {ISSUER}"
        assert any("Content Security Policy" in each for each in shown.complaints)


def test_a_page_of_a_large_fleet_says_what_its_picture_leaves_out(tmp_path, capsys):
    saved = Saved(tmp_path, capsys, size=MOST + 1)

    _, out, _ = saved.list("--output", "html")

    assert out.count('<g class="box service-account"') == MOST
    assert out.count("<tr data-account=") == MOST + 1
    assert f"the picture shows the first {MOST} of them; the table has all" in out
