"""`python -m irsa explain` and `verify --stack` on a running cluster."""

import json
import os
import sys
from pathlib import Path

import pytest

from sandbox import lifecycle
from tests.sandbox.irsa_world import NAME, troubles, world

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def irsa_world(session):
    with world(session) as found:
        yield found


@pytest.fixture(scope="module")
def workload(irsa_world):
    return irsa_world.workload()


def labels(tree):
    return [tree["label"], *(label for child in tree["children"] for label in labels(child))]


def test_the_chain_of_a_live_cluster_and_who_else_can_assume_the_role(workload):
    pattern = f"system:serviceaccount:{workload.namespace}:*"
    workload.condition(("StringEquals", "aud", "sts.amazonaws.com"), ("StringLike", "sub", pattern))

    done = workload.world.irsa(
        "explain", "--namespace", workload.namespace, "--service-account", NAME,
        "--output", "json",
    )  # fmt: skip

    workload.set_trust(workload.trust_policy)
    [tree] = done.json
    found = labels(tree)
    assert done.code == 0
    assert "✓ trust: trust policy, statement 1: allows it" in found
    assert f"who can assume {workload.role_arn}" in found
    at = found.index("in this cluster")
    assert found[at + 1 :] == [f"{workload.namespace}/app", f"{workload.namespace}/default"]


def outputs(workload, tmp_path):
    file = tmp_path / "outputs.json"
    app = {
        "namespace": workload.namespace,
        "service_account": NAME,
        "deployment": NAME,
        "role_arn": workload.role_arn,
        "bucket": workload.bucket,
    }
    file.write_text(json.dumps({"workloads": {"app": app}}))
    return str(file)


def test_verify_knows_from_the_stack_what_to_look_at(workload, tmp_path):
    done = workload.world.irsa("verify", "--stack", outputs(workload, tmp_path), "--wait", "0")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{workload.namespace}/app\n  ✓ service-account")
    assert done.out.endswith("\npassed\n")


def kubectl_in(folder: Path) -> str:
    """A PATH with a stand-in for kubectl, which may not be installed: the same exec, in Python."""
    program = folder / "kubectl"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH={lifecycle.ROOT} exec {sys.executable} -m tests.exec_client "$@"\n'
    )
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_l8_inside_the_pod_the_aws_cli_is_asked(workload, tmp_path):
    done = workload.world.irsa(
        "verify", "--namespace", workload.namespace, "--service-account", NAME, "--exec",
        "--wait", "0", "--output", "json", PATH=kubectl_in(tmp_path),
    )  # fmt: skip

    [result] = done.json
    [inside] = [link for link in result["links"] if link["link"] == "inside"]
    session = f"arn:aws:sts::111122223333:assumed-role/{workload.role_name}/"
    assert (done.code, troubles(result)) == (0, [])
    assert inside["found"].startswith(session)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --namespace and --service-account, or --stack"),
        (["--stack", "{outputs}", "--workload", "other"], "no workload 'other'"),
        (["--stack", "/dev/null"], "pulumi"),
        (["--namespace", "a", "--service-account", "b", "--wait", "long"], "--wait"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_one_line(workload, tmp_path, arguments, message):
    given = [each.format(outputs=outputs(workload, tmp_path)) for each in arguments]

    done = workload.world.irsa("verify", *given)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err


def test_with_an_api_server_that_is_not_there_nothing_can_be_told(workload, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )

    done = workload.world.irsa(
        "verify", "--namespace", "dev", "--service-account", "app", "--output", "json",
        KUBECONFIG=str(kubeconfig),
    )  # fmt: skip

    [result] = done.json
    assert (done.code, result["verdict"]) == (3, "could not tell")
    assert "a reachable API server" in result["links"][0]["found"]
