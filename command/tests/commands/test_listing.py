"""`python -m irsa list`: rows and table, from saved files."""

import json
import re

import pytest

from irsa.__main__ import main
from irsa.identity.eks import ROLE_ARN_ANNOTATION
from tests.support.fleet import ACCOUNT, ISSUER, Fleet

GET_PODS = "kubectl get pods --all-namespaces --output json"


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
