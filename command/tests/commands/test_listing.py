"""`python -m irsa list`: rows, table and page, from saved files."""

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from irsa.__main__ import main
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from tests.support.browser import browser
from tests.support.fleet import ACCOUNT, ISSUER, Fleet

GET_PODS = "kubectl get pods --all-namespaces --output json"
HOSTILE = '"><script>document.title = "run"</script><img src=x onerror=alert(1)>'
LONG = "reporting-nightly-aggregation-service-with-a-long-name"
OTHER = "arn:aws:iam::444455556666:role/other"
BROKEN_WORDS = r"""(() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const range = document.createRange(), broken = []
  while (texts.nextNode())
    for (const { 0: word, index } of texts.currentNode.data.matchAll(/[\p{L}\p{N}]+/gu)) {
      range.setStart(texts.currentNode, index)
      range.setEnd(texts.currentNode, index + word.length)
      if (new Set([...range.getClientRects()].map(each => each.top)).size > 1) broken.push(word)
    }
  return broken
})()"""
BOXES = """[...document.querySelectorAll("tbody tr")].map(
  row => [...row.cells].map(cell => cell.getBoundingClientRect().toJSON()))"""


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
        return (main(["list", *self.options, *pods, *more]), *self.capsys.readouterr())

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


def irsa(number):
    return {"kind": "IRSA", "source": role(number)}


def key(source):
    return {"kind": "access key", "source": source}


INJECTED = [variable("AWS_ROLE_ARN", value=role(0))]
KEY_ID, ENDPOINT = "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
KEY = variable(KEY_ID, valueFrom={"secretKeyRef": {"name": "s3", "key": "id"}})
AGENT = variable(ENDPOINT, value="http://169.254.170.23/v1/credentials")

PODS = {
    "the webhook's role": (INJECTED, [irsa(0)]),
    "a key from a Secret": ([KEY, *INJECTED], [key("Secret s3"), irsa(0)]),
    "a key in the spec": ([variable(KEY_ID, value="AKIA")], [key("its spec"), irsa(0)]),
    "an empty key, which SDKs ignore": ([variable(KEY_ID, value="")], [irsa(0)]),
    "the agent of Pod Identity": ([AGENT], [{"kind": "Pod Identity", "source": ""}, irsa(0)]),
    "another endpoint for credentials": ([variable(ENDPOINT, value="http://a/")], [irsa(0)]),
    "another role": ([variable("AWS_ROLE_ARN", value=role(1))], [irsa(0), irsa(1)]),
}


@pytest.mark.parametrize(("env", "identities"), PODS.values(), ids=PODS)
def test_the_variables_of_a_pod_tell_its_identity(saved, env, identities):
    saved.pod(0, env=env)

    assert saved.rows()[0]["identities"] == identities


def test_a_credentials_file_on_a_secret_is_an_access_key(saved):
    mounts = [{"name": "aws", "mountPath": "/home/app/.aws"}]
    saved.pod(1, volumeMounts=mounts)
    saved.pods[0]["spec"]["volumes"] = [{"name": "aws", "secret": {"secretName": "keys"}}]

    assert saved.rows()[1]["identities"][0] == key("Secret keys")


def test_a_token_of_its_own_is_irsa_by_profile(saved):
    del saved.account(1)["annotations"]
    saved.pod(1, volumeMounts=[{"name": "t", "mountPath": "/t"}])
    token = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
    saved.pods[0]["spec"]["volumes"] = [{"name": "t", "projected": {"sources": [token]}}]

    assert saved.rows()[1]["identities"] == [{"kind": "IRSA by profile", "source": ""}]


def test_running_pods_without_the_annotated_role_are_counted(saved):
    saved.pod(0, env=INJECTED)
    saved.pod(0)
    saved.pod(0, phase="Succeeded")

    row = saved.rows()[0]

    assert (row["pods"], row["pods_without_role"]) == (["pod-0", "pod-1"], 1)
    assert "IRSA (1 of 2 Pods without)" in saved.list()[1]


def test_a_whole_secret_is_listed_as_unread(saved):
    del saved.account(1)["annotations"]
    saved.pod(1, envFrom=[{"secretRef": {"name": "settings"}}])

    _, out, _ = saved.list("--all")

    assert saved.rows()[1]["secrets_not_read"] == ["Secret settings"]
    assert "node's or none (Secret settings not read)" in out
    assert "one may be an access key (Secrets are not read): 1\n" in out


def test_pods_are_listed_by_their_deployment(saved):
    owner = {"kind": "ReplicaSet", "name": "web-6f846d5576"}
    saved.pod(0, owner=owner, labels={"pod-template-hash": "6f846d5576"})
    saved.pod(0, owner={"kind": "StatefulSet", "name": "db"})

    assert "2 (Deployment web, StatefulSet db)" in saved.list()[1]


def test_a_service_account_has_the_findings_of_its_role(saved):
    del saved.statement(0)["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    del saved.roles["RoleDetailList"][2]

    assert [row["findings"] for row in saved.rows()] == [["no-sub"], [], ["role-missing"]]


def test_an_unused_role_and_an_unknown_last_use_differ(saved):
    saved.roles["RoleDetailList"][1]["RoleLastUsed"] = {}

    assert [row["role_last_used"] for row in saved.rows()] == [
        "2026-11-26T09:00:00Z",
        "",
        "2026-11-26T09:00:00Z",
    ]
    del saved.roles["RoleDetailList"][1]["RoleLastUsed"]
    assert [row["role_last_used"] for row in saved.rows()] == [None] * 3


def test_service_accounts_without_an_identity_are_counted_and_left_out(saved):
    del saved.account(1)["annotations"]

    _, out, err = saved.list()
    _, everything, _ = saved.list("--all")

    assert err == ""
    assert "app-00001" not in out
    assert f"2 service accounts of https://{ISSUER}; 1 more have no AWS identity" in out
    assert re.search(r"^  app-00001 +\? +\? ", everything, re.MULTILINE)


def test_an_unread_fact_is_a_line_and_a_question_mark(saved):
    _, out, _ = saved.list()

    assert "  app-00000        ?     IRSA      app-00000    2026-11-26 09:00  " in out
    assert out.splitlines()[-3:-1] == [
        f"Pods: not known; give --pods the output of `{GET_PODS}`",
        "Pod Identity associations: not read, since AWS was not asked",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_printable_lines_no_wider_than_it_is(saved, monkeypatch, width):
    saved.account(0)["annotations"][ROLE_ARN_ANNOTATION] = role(0) + "\x1b[31m" * 10
    saved.pod(0, env=[KEY, *INJECTED], owner={"kind": "StatefulSet", "name": "y" * 40})
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    _, out, _ = saved.list()

    lines = out.splitlines()
    rows = lines[: lines.index("namespace team-02") + 2]
    assert max(map(len, rows)) <= max(width, 80)
    assert any("…" in line for line in rows)
    assert all(line.isprintable() for line in lines)


def test_since_shows_rows_that_are_new_or_changed(saved, tmp_path):
    saved.pod(0, env=INJECTED)
    (tmp_path / "report.json").write_text(saved.list("--output", "json")[1])
    saved.pods[0]["metadata"]["name"] = "another"
    saved.roles["RoleDetailList"][0]["RoleLastUsed"] = {"LastUsedDate": "2026-11-27T09:00:00Z"}
    saved.pod(1, env=[KEY])
    saved.accounts["items"][2]["metadata"]["name"] = "renamed"
    since = ("--since", str(tmp_path / "report.json"))

    listed = json.loads(saved.list("--output", "json", *since)[1])

    names = [each["name"] for each in listed["service_accounts"]]
    assert names == ["app-00001", "renamed"]
    assert listed["notes"][-1] == "against --since: 2 new or changed, 1 unchanged, 1 gone"
    out = saved.list(*since)[1]
    assert "app-00000" not in out
    assert "renamed" in out


def test_the_room_of_a_role_for_further_clusters_is_listed(saved):
    statement = saved.statement(0)
    saved.statement(1)["Principal"] = {"Service": "ec2.amazonaws.com"}
    for number in range(2):
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER[:-1]}{number}"
        more = {**statement, "Principal": {"Federated": provider}}
        saved.roles["RoleDetailList"][2]["AssumeRolePolicyDocument"]["Statement"].append(more)

    assert [row["further_clusters"] for row in saved.rows()] == [3, None, 1]


def test_a_pod_without_a_valid_spec_is_one_line(saved, tmp_path):
    saved.pods.append({"kind": "Pod", "metadata": {"namespace": "a", "name": "b"}, "spec": {}})
    saved.pods[0]["spec"]["containers"] = [1]

    code, out, err = saved.list()

    assert (code, out) == (2, "")
    assert err == (
        f"irsa list: --pods {tmp_path / 'pods.json'}: Pod a/b has no valid spec; give what "
        f"`{GET_PODS}` prints\n"
    )


class Page(HTMLParser):
    """Tags of a page, and the texts of its table's cells."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.rows = [], []
        self.feed(html.replace("<wbr>", ""))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([dict(attrs).get("class", "")])

    def handle_data(self, data):
        if self.lasttag in ("th", "td") and data.strip():
            self.rows[-1].append(data)


def chains(html):
    """Service accounts and their tree of each chain in the picture."""
    [found] = re.findall(r'<ul class="chains">.*</ul>', html.replace("<wbr>", ""), re.DOTALL)
    items = ET.fromstring(found)  # noqa: S314 - the page is ours
    return [([each.text.strip() for each in own], tree(below)) for own, below in items]


def tree(items):
    return {item[0].text: tree(item[1]) for item in items}


def policy(name, effect, action, *resources):
    statement = {"Effect": effect, "Action": action, "Resource": list(resources)}
    return {"PolicyName": name, "PolicyDocument": {"Statement": [statement]}}


@pytest.fixture
def chained(saved):
    """Two service accounts with one role, which may assume further roles."""
    saved.account(0)["annotations"][ROLE_ARN_ANNOTATION] = OTHER
    del saved.statement(1)["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    saved.account(2)["annotations"][ROLE_ARN_ANNOTATION] = role(1)
    saved.roles["RoleDetailList"][1]["RolePolicyList"] += [
        policy("chain", "Allow", "sts:AssumeRole", OTHER, role(2)),
        policy("private", "Deny", "*", "arn:aws:s3:::private/*"),
    ]
    back = policy("back", "Allow", "sts:AssumeRole", role(1))
    saved.roles["RoleDetailList"][2]["RolePolicyList"] = [back]
    return saved


def test_the_page_has_the_table_and_who_can_become_what(chained):
    code, out, _ = chained.list("--output", "html")

    head, *rows = Page(out).rows
    assert code == 0
    assert head[1:3] == ["namespace", "service account"]
    assert [(row[0], row[2], row[-1]) for row in rows] == [
        ("note", "app-00000", "• other-account"),
        ("error", "app-00001", "✗ no-sub"),
        ("error", "app-00002", "✗ no-sub"),
    ]
    unread = {f"role {OTHER}": {"?": {}}}
    further = {**unread, "role app-00002": {"role app-00001 …": {}, "policy back": {}}}
    own = {"bucket data-1": {}, "policy chain": {}, "not bucket private": {}}
    assert chains(out) == [
        (["team-00/app-00000"], unread),
        (["team-01/app-00001", "team-02/app-00002"], {"role app-00001": {**further, **own}}),
    ]
    assert "Pod Identity associations: not read, since AWS was not asked" in out


def test_markup_in_an_annotation_stays_text_in_the_page(saved):
    saved.account(0)["annotations"][ROLE_ARN_ANNOTATION] = HOSTILE
    saved.account(1)["annotations"][ROLE_ARN_ANNOTATION] = "</td></script>" + HOSTILE

    _, out, _ = saved.list("--output", "html")

    page = Page(out)
    assert [HOSTILE in "".join(row) for row in page.rows] == [False, True, True, False]
    assert [f"role {HOSTILE}" in chain for _, chain in chains(out)] == [True, False, False]
    assert page.tags.count("script") == 1
    assert not {"img", "link", "iframe"} & set(page.tags)
    assert "content=\"default-src 'none'; style-src 'sha256-" in out


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(chained, tmp_path):
    """A page with long names, as a file."""
    chained.account(1).update(name=LONG, namespace="data-science-experiments")
    chained.pod(1, owner={"kind": "StatefulSet", "name": LONG})
    file = tmp_path / "page.html"
    file.write_text(chained.list("--output", "html")[1], "utf-8")
    return file


def shown(tab, selector):
    """Texts of the visible elements."""
    found = f"[...document.querySelectorAll({selector!r})].filter(each => each.checkVisibility())"
    return tab.run(f"{found}.map(each => each.textContent)")


@pytest.mark.parametrize(("width", "is_narrow"), [(400, True), (1000, False), (1280, False)])
def test_no_word_is_broken_and_a_narrow_row_is_a_block(tab, page, width, is_narrow):
    tab.open(page, width)

    assert tab.run("document.documentElement.scrollWidth") == width
    # The title's id of a cluster is wider than 400 pixels.
    assert set(tab.run(BROKEN_WORDS)) <= {ISSUER.rpartition("/")[2]}
    for cells in tab.run(BOXES):
        columns, lines = ({each[side] for each in cells} for side in ("left", "top"))
        assert (len(columns), len(lines)) == ((1, len(cells)) if is_narrow else (len(cells), 1))


def test_a_header_sorts_and_the_filter_hides_by_mouse_and_keyboard(tab, page):
    tab.open(page)
    order, names = "document.querySelector('th:nth-child(2)').ariaSort", "td:nth-child(2)"

    tab.click("th:nth-child(2) button")
    assert (tab.run(order), shown(tab, names)) == ("ascending", ["app-00000", "app-00002", LONG])
    tab.press("Enter", 13, "\r")
    assert (tab.run(order), shown(tab, names)) == ("descending", [LONG, "app-00002", "app-00000"])
    tab.click("th:last-child button")  # findings
    assert (tab.run(order), shown(tab, names)) == (None, ["app-00000", LONG, "app-00002"])

    tab.click("input")
    tab.call("Input.insertText", text="OTHER app-00000")
    assert (shown(tab, names), len(shown(tab, ".chains > li"))) == (["app-00000"], 1)
    tab.press("Tab", 9)
    assert tab.run("document.activeElement.textContent") == "namespace"


def test_a_dark_page_without_script_has_table_and_picture(tab, page):
    tab.open(page, script=False, scheme="dark")

    assert [len(shown(tab, each)) for each in ("tbody tr", ".chains > li", "input")] == [3, 2, 0]
    assert tab.run("getComputedStyle(document.body).color") == "rgb(255, 255, 255)"
