"""C1: a kubeconfig for the sandbox's provider holds data, or asks for an EKS token, and no more."""

import pytest

from irsa.identity.kubeconfig import kubeconfig as of_the_components
from sandbox.providers.kubernetes.kubeconfigs import checked
from sandbox.providers.resource import Refused

ENVIRONMENT = {"PATH": "/bin", "AWS_REGION": "us-east-1"}
VARIABLES = [{"name": "PATH", "value": "/bin"}, {"name": "AWS_REGION", "value": "us-east-1"}]
API = "client.authentication.k8s.io/v1beta1"
GET_TOKEN = ["eks", "get-token", "--cluster-name", "dev"]
OF_PULUMI_EKS = ["--region", "us-east-1", *GET_TOKEN, "--output", "json"]
ROLE = "arn:aws:iam::111122223333:role/eks/deployer"


def kubeconfig(user=None, cluster=None):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"} | (cluster or {})}],
        "users": [{"name": "u", "user": {} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def plugin(**changes):
    return {"exec": {"apiVersion": API, "command": "aws", "args": GET_TOKEN} | changes}


def test_the_components_kubeconfig_is_taken_and_runs_in_the_sandbox_s_environment():
    arn = "arn:aws:eks:us-east-1:111122223333:cluster/dev"
    given = of_the_components(arn, "dev", "https://127.0.0.1:1", "Y2E=")

    taken = checked(given, ENVIRONMENT)

    assert taken["clusters"] == given["clusters"]
    assert taken["contexts"] == given["contexts"]
    assert taken["current-context"] == arn
    options = ["--cluster-name", "dev", "--region", "us-east-1", "--output", "json"]
    assert taken["users"][0]["user"] == {
        "exec": {
            "apiVersion": API,
            "command": "aws",
            "args": ["eks", "get-token", *options],
            "env": VARIABLES,
        }
    }


@pytest.mark.parametrize(
    "arguments",
    [
        GET_TOKEN,
        OF_PULUMI_EKS,
        [*OF_PULUMI_EKS, "--role", ROLE],
        [*GET_TOKEN, "--role-arn", ROLE],
    ],
)
def test_pulumi_eks_s_ways_to_ask_for_a_token_are_taken(arguments):
    info = {"name": "KUBERNETES_EXEC_INFO", "value": f'{{"apiVersion": "{API}"}}'}

    taken = checked(kubeconfig(plugin(args=arguments, env=[info])), ENVIRONMENT)

    assert taken["users"][0]["user"]["exec"]["args"] == arguments
    assert taken["users"][0]["user"]["exec"]["env"] == VARIABLES


def test_data_in_the_kubeconfig_is_taken():
    user = {"client-certificate-data": "Yw==", "client-key-data": "aw=="}
    given = kubeconfig(user, {"certificate-authority-data": "Y2E="})

    assert checked(given, {}) == given


@pytest.mark.parametrize(
    ("user", "cluster", "named"),
    [
        ({"tokenFile": "/etc/shadow"}, None, "user u: the sandbox takes no `tokenFile`"),
        ({"client-certificate": "/x"}, None, "user u: the sandbox takes no `client-certificate`"),
        ({"client-key": "/x"}, None, "user u: the sandbox takes no `client-key`"),
        ({"auth-provider": {"name": "gcp"}}, None, "the sandbox takes no `auth-provider`"),
        ({"username": "u", "password": "p"}, None, "the sandbox takes no `password`"),
        (None, {"certificate-authority": "/x"}, "c: the sandbox takes no `certificate-authority`"),
        (None, {"proxy-url": "http://x"}, "cluster c: the sandbox takes no `proxy-url`"),
        (None, {"insecure-skip-tls-verify": True}, "takes no `insecure-skip-tls-verify`"),
        (plugin(command="sh"), None, "user u: exec: the sandbox runs `aws` only, not 'sh'"),
        (plugin(command="/tmp/aws"), None, "the sandbox runs `aws` only, not '/tmp/aws'"),
        (plugin(installHint="x"), None, "user u: exec: the sandbox takes no `installHint`"),
        (plugin(apiVersion="v1"), None, f"takes apiVersion {API}, not 'v1'"),
        (
            plugin(env=[{"name": "PATH", "value": "/tmp"}]),
            None,
            "user u: exec: the sandbox sets `env` itself; leave ['PATH'] out",
        ),
    ],
)
def test_c1_files_programs_and_variables_are_refused_by_name(user, cluster, named):
    with pytest.raises(Refused) as refused:
        checked(kubeconfig(user, cluster), ENVIRONMENT)

    assert named in str(refused.value)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        "eks get-token",
        [["eks"], "get-token"],
        ["eks", "get-token"],
        ["eks", "update-kubeconfig", "--cluster-name", "dev"],
        ["s3", "cp", "--cluster-name", "dev"],
        [*GET_TOKEN, "--debug"],
        [*GET_TOKEN, "--endpoint-url", "http://127.0.0.1:1"],
        [*GET_TOKEN, "--ca-bundle", "/etc/shadow"],
        [*GET_TOKEN, "--profile", "x"],
        [*GET_TOKEN, "--output", "table"],
        [*GET_TOKEN, "--cluster-name", "other"],
        ["--cluster-name", "eks", "get-token", "--region"],
        ["eks", "get-token", "--cluster-name", "file:///etc/shadow"],
        ["eks", "get-token", "--cluster-name", "--debug"],
        ["eks", "get-token", "--cluster-name", ["dev"]],
        [*GET_TOKEN, "--role-arn", "file:///etc/shadow"],
    ],
)
def test_c1_other_arguments_of_the_aws_cli_are_refused(arguments):
    with pytest.raises(Refused, match="takes the args of `aws eks get-token"):
        checked(kubeconfig(plugin(args=arguments)), ENVIRONMENT)


@pytest.mark.parametrize("entry", ["c", {"name": "c"}, {"name": "c", "cluster": "c"}])
def test_what_is_no_cluster_is_refused_in_one_line(entry):
    with pytest.raises(Refused, match="is not a cluster"):
        checked(kubeconfig() | {"clusters": [entry]}, {})
