"""`python -m irsa list`: rows and table."""

import json
import re
from datetime import UTC, datetime

import pytest

from irsa.__main__ import main
from irsa_core.identity.eks import ROLE_ARN_ANNOTATION
from tests.support.fleet import Fleet
from tests.support.world import ACCOUNT_A, ISSUER

OWNED = {"apiVersion": "apps/v1", "uid": "u-1", "controller": True}


class Listed:
    """A small cluster and account that a test changes before they are listed."""

    def __init__(self, capsys):
        self.fleet, self.capsys = Fleet(3), capsys
        self.roles, self.pods = self.fleet.roles, self.fleet.pods

    def account(self, number):
        return self.fleet.accounts[number]["metadata"]

    def statement(self, number):
        return self.roles[number]["AssumeRolePolicyDocument"]["Statement"][0]

    def pod(self, number, *, owner=None, labels=None, phase="Running", **container):
        account = self.account(number)
        metadata = {
            "namespace": account["namespace"],
            "name": f"pod-{len(self.pods)}",
            "labels": labels or {},
            "ownerReferences": [{**OWNED, **owner}] if owner else [],
        }
        spec = {"serviceAccountName": account["name"], "containers": [{"name": "app", **container}]}
        self.pods.append({"metadata": metadata, "spec": spec, "status": {"phase": phase}})

    def list(self, *options):
        """Exit code, standard output and standard error."""
        return (main(["list", *options]), *self.capsys.readouterr())

    def rows(self):
        code, out, _ = self.list("--output", "json")
        assert code == 0
        return json.loads(out)["service_accounts"]


@pytest.fixture
def listed(monkeypatch, capsys, tmp_path):
    listed = Listed(capsys)
    listed.fleet.serve(monkeypatch, tmp_path)
    return listed


def role(number):
    return f"arn:aws:iam::{ACCOUNT_A}:role/app-{number:05}"


def irsa(number):
    return {"kind": "IRSA", "source": role(number)}


def key(source):
    return {"kind": "access key", "source": source}


INJECTED = [{"name": "AWS_ROLE_ARN", "value": role(0)}]
KEY_ID, ENDPOINT = "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
KEY = {"name": KEY_ID, "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}}
AGENT = {"name": ENDPOINT, "value": "http://169.254.170.23/v1/credentials"}

FILE = {"volumes": [{"name": "aws", "secret": {"secretName": "keys"}}]}
OWN_TOKEN = {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}}
TOKEN = {"volumes": [{"name": "aws", "projected": {"sources": [OWN_TOKEN]}}]}


@pytest.mark.cases(("env", "spec", "identities"), {
    "role of the webhook": (INJECTED, {}, [irsa(0)]),
    "key from a Secret": ([KEY, *INJECTED], {}, [key("Secret s3"), irsa(0)]),
    "key in the spec": ([{"name": KEY_ID, "value": "AKIA"}], {}, [key("its spec"), irsa(0)]),
    "empty key, which SDKs ignore": ([{"name": KEY_ID, "value": ""}], {}, [irsa(0)]),
    "agent of Pod Identity": ([AGENT], {}, [{"kind": "Pod Identity", "source": ""}, irsa(0)]),
    "another endpoint for credentials": ([{"name": ENDPOINT, "value": "http://a/"}], {}, [irsa(0)]),
    "another role": ([{"name": "AWS_ROLE_ARN", "value": role(1)}], {}, [irsa(0), irsa(1)]),
    "credentials file on a Secret": ([], FILE, [key("Secret keys"), irsa(0)]),
    "token of its own": ([], TOKEN, [irsa(0), {"kind": "IRSA by profile", "source": ""}]),
})  # fmt: skip
def test_the_variables_and_volumes_of_a_pod_tell_its_identity(listed, env, spec, identities):
    listed.pod(0, env=env, volumeMounts=[{"name": "aws", "mountPath": "/home/app/.aws"}])
    listed.pods[0]["spec"] |= spec
    assert listed.rows()[0]["identities"] == identities


def test_running_pods_are_counted_by_owner_and_those_without_the_role(listed):
    web = {"kind": "ReplicaSet", "name": "web-6f846d5576"}
    listed.pod(0, env=INJECTED, owner=web, labels={"pod-template-hash": "6f846d5576"})
    listed.pod(0, owner={"kind": "StatefulSet", "name": "db"})
    listed.pod(0, phase="Succeeded")
    row = listed.rows()[0]
    assert (row["pods"], row["pods_without_role"]) == (["pod-0", "pod-1"], 1)
    assert "IRSA (1 of 2 Pods without)" in listed.list()[1]
    assert "2 (Deployment web, StatefulSet db)" in listed.list("-o", "wide")[1]


def test_a_whole_secret_is_listed_as_unread(listed):
    del listed.account(1)["annotations"]
    listed.pod(1, envFrom=[{"secretRef": {"name": "settings"}}])
    _, out, _ = listed.list("--all", "-o", "wide")
    assert listed.rows()[1]["secrets_not_read"] == ["Secret settings"]
    assert "node's or none (Secret settings not read)" in out
    assert "one may be an access key (Secrets are not read): 1\n" in out


def test_a_service_account_has_the_findings_of_its_role(listed):
    del listed.statement(0)["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    del listed.roles[2]
    assert [row["findings"] for row in listed.rows()] == [["no-sub"], [], ["role-missing"]]


def test_service_accounts_without_an_identity_are_counted_and_left_out(listed):
    del listed.account(1)["annotations"]
    _, out, err = listed.list()
    namespace = listed.account(1)["namespace"]
    _, everything, _ = listed.list("--all")
    _, report, _ = listed.list("-n", namespace, "--all", "-o", "json")
    assert (err, "app-00001" in out) == ("", False), out
    assert f"2 service accounts of https://{ISSUER}; 1 more have no AWS identity" in out
    assert re.search(r"^  app-00001 +\? +\? ", everything, re.MULTILINE)
    assert {row["namespace"] for row in json.loads(report)["service_accounts"]} == {namespace}


def test_an_unread_fact_is_a_line_and_a_question_mark(listed):
    _, out, _ = listed.list()

    assert "  app-00000        ?     IRSA      app-00000    2026-11-26 09:00  " in out
    why = f"no EKS cluster in us-east-1 has issuer https://{ISSUER}"
    assert out.splitlines()[-3:-1] == [
        "could not read Pods: needs list pods in the cluster (forbidden)",
        f"could not read Pod Identity associations: needs the EKS cluster's --region ({why})",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_printable_lines_no_wider_than_it_is(listed, monkeypatch, width):
    listed.account(0)["annotations"][ROLE_ARN_ANNOTATION] = role(0) + "\x1b[31m" * 10
    listed.pod(0, env=[KEY, *INJECTED], owner={"kind": "StatefulSet", "name": "y" * 40})
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    _, out, _ = listed.list()

    lines = out.splitlines()
    rows = lines[: lines.index("namespace team-02") + 2]
    assert max(map(len, rows)) <= max(width, 80)
    assert any("…" in line for line in rows), rows
    assert [line for line in lines if not line.isprintable()] == []


def test_since_shows_rows_that_are_new_or_changed(listed, tmp_path):
    listed.pod(0, env=INJECTED)
    (tmp_path / "report.json").write_text(listed.list("--output", "json")[1])
    listed.pods[0]["metadata"]["name"] = "another"
    listed.roles[0]["RoleLastUsed"] = {"LastUsedDate": datetime(2026, 11, 27, tzinfo=UTC)}
    listed.pod(1, env=[KEY])
    listed.account(2)["name"] = "renamed"
    since = ("--since", str(tmp_path / "report.json"))

    report = json.loads(listed.list("--output", "json", *since)[1])

    assert [row["name"] for row in report["service_accounts"]] == ["app-00001", "renamed"]
    assert report["notes"][-1] == "against --since: 2 new or changed, 1 unchanged, 1 gone"
    out = listed.list(*since)[1]
    assert "app-00000" not in out
    assert "renamed" in out


def test_the_room_of_a_role_for_further_clusters_is_listed(listed):
    statement = listed.statement(0)
    listed.statement(1)["Principal"] = {"Service": "ec2.amazonaws.com"}
    for number in range(2):
        provider = f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/{ISSUER[:-1]}{number}"
        more = {**statement, "Principal": {"Federated": provider}}
        listed.roles[2]["AssumeRolePolicyDocument"]["Statement"].append(more)

    assert [row["further_clusters"] for row in listed.rows()] == [3, None, 1]
