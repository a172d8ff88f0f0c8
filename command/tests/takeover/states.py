"""Resources as the engine writes them (CLI 3.274, pulumi-aws 7.51), in states and previews."""

import json

from core.tests.decide.policies import trust
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.pulumi_types import ASSOCIATION, ATTACHMENT, ROLE
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN

IRSA = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "app")])
READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
SERVICE = trust({"Service": "pods.eks.amazonaws.com"}, Action=["sts:AssumeRole", "sts:TagSession"])


def resource(part, id_, inputs, provider="default", **outputs):
    """A resource by the part of its URN from the type on."""
    urn = "urn:pulumi:dev::shop::"
    return {
        "urn": f"{urn}{part}", "type": part.split("::")[0].rpartition("$")[2], "id": id_,
        "parent": f"{urn}pulumi:pulumi:Stack::shop-dev", "inputs": {"__defaults": [], **inputs},
        "outputs": {**inputs, **outputs}, "provider": f"{urn}pulumi:providers:aws::{provider}::1",
    }  # fmt: skip


def role(part=f"{ROLE}::reports", trust=IRSA, path="/", **inputs):
    given = {"name": "reports", "assumeRolePolicy": json.dumps(trust), "path": path, **inputs}
    arn = f"arn:aws:iam::111122223333:role{path}reports"
    empty = {"description": "", "maxSessionDuration": 3600, "tags": {}, "permissionsBoundary": ""}
    return resource(part, "reports", given, **{**empty, **inputs, "arn": arn})


def attachment(part=f"{ATTACHMENT}::reports-0"):
    return resource(part, f"reports/{READ}", {"role": "reports", "policyArn": READ})


def association():
    inputs = {"clusterName": "dev", "namespace": "dev", "serviceAccount": "app"}
    inputs |= {"roleArn": "arn:aws:iam::111122223333:role/reports"}
    arn = CLUSTER_ARN.replace("cluster/", "podidentityassociation/")
    return resource(f"{ASSOCIATION}::reports", "a-1", inputs, associationArn=f"{arn}/a-1")


def state(*resources):
    return {"version": 3, "deployment": {"resources": list(resources)}}
