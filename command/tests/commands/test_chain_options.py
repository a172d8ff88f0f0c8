"""The cluster and the accounts that the options of `verify` and `explain` name."""

import json

import pytest

from irsa.__main__ import main
from irsa.commands.sources import places
from irsa_core.identity.kubeconfig import kubeconfig

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/dev"


@pytest.mark.cases(("given", "region"), {
    "no option": (None, "eu-west-1"),
    "option --region": ("us-east-1", "us-east-1"),
})  # fmt: skip
def test_aws_is_read_in_the_clusters_region(given, region, tmp_path, monkeypatch):
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig(ARN, "dev", "https://127.0.0.1:1", "")))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    with places(None, given) as found:
        assert found.aws.region == region


SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db"
NO_ACCOUNT = " is not NAMESPACE/SERVICE-ACCOUNT: "
TWICE = "dev/app is given beside --namespace ops; give one namespace"
GIVE = "give NAMESPACE/SERVICE-ACCOUNT, such as dev/s3-app, or --stack"


@pytest.mark.cases(("given", "words"), {
    "no namespace": ("dev", NO_ACCOUNT),
    "three parts": ("dev/a/b", NO_ACCOUNT),
    "namespace with a slash": ("--namespace dev/app --service-account app", NO_ACCOUNT),
    "namespace twice": ("dev/app --namespace ops", TWICE),
    "no service account": ("--namespace dev", GIVE),
    "--action alone": ("dev/app --action s3:GetObject",
        "--action is given without --resource; give both"),
    "--resource alone": ("dev/app --resource *", "--resource is given without --action; give both"),
    "action without a service": ("dev/app --action GetObject --resource *",
        "--action GetObject: not an action; give"),
    "resource without an ARN": ("dev/app --action s3:GetObject --resource b",
        "--resource b: not an ARN; give arn:"),
    "address of a bucket": ("dev/app --bucket s3://b/", "--bucket: bucket name 's3://b/' is"),
    "name of a role": ("dev/app --role-arn app", "--role-arn: 'app' is not the ARN of a role"),
    "name of a role B": ("dev/app --role-b app", "--role-b: 'app' is not the ARN of a role"),
    "secret without its suffix": (f"dev/app --action s3:GetObject --resource {SECRET}",
        "ends in - and six characters"),
})  # fmt: skip
def test_a_question_is_whole_and_checked_before_the_cluster_is_read(given, words, capsys):
    assert main(["verify", *given.split()]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("irsa verify: ")
    assert words in line
