"""CPU time of `up`, a second `up` and `destroy`: the components against a flat program."""

import json
import sys
from collections import defaultdict
from hashlib import sha256
from typing import Any

import pulumi_aws as aws
import pulumi_kubernetes as k8s
from _measure import cpu_seconds, own_folder, progress, report, run
from pulumi import Output, ResourceOptions

import irsa_components as irsa
from irsa_core.identity import policies, subjects
from irsa_sandbox import lifecycle
from irsa_sandbox.engine.stack import SandboxStack

PROVIDER = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"
POD = """{"automountServiceAccountToken": false, "volumes": [{"name": "irsa-home", "emptyDir": {}}],
"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
"containers": [{"name": "app", "image": "app", "securityContext": {"readOnlyRootFilesystem": true,
"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}"""


def _components(name: str) -> None:
    account = irsa.ServiceAccount(namespace="default", name=name)
    bucket = irsa.DataBucket(name, irsa.DataBucketArgs(bucket_name=name, force_destroy=True))
    given: Any = {"policies": {"read": bucket.read()}, "provider_arns": [PROVIDER]}
    args = irsa.ServiceAccountRoleArgs(role_name=name, service_accounts=[account], **given)
    given = {"role": irsa.ServiceAccountRole(name, args), "pod_spec": json.loads(POD)}
    irsa.Workload(name, irsa.WorkloadArgs(service_account=account, **given))


def _flat(name: str) -> None:
    bucket = aws.s3.Bucket(name, bucket=name, force_destroy=True)
    args: Any = {"bucket": bucket.bucket, "opts": ResourceOptions(deleted_with=bucket)}
    block = "block_public_acls block_public_policy ignore_public_acls restrict_public_buckets"
    aws.s3.BucketPublicAccessBlock(name, **dict.fromkeys(block.split(), True), **args)
    aws.s3.BucketOwnershipControls(name, rule={"object_ownership": "BucketOwnerEnforced"}, **args)
    rule: Any = {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    aws.s3.BucketServerSideEncryptionConfiguration(name, rules=[rule], **args)
    aws.s3.BucketVersioning(name, versioning_configuration={"status": "Enabled"}, **args)
    tls, read = policies.tls_only_bucket_policy, policies.bucket_permissions_policy
    aws.s3.BucketPolicy(name, policy=bucket.arn.apply(tls).apply(json.dumps), **args)
    trust = policies.irsa_trust_policy([PROVIDER], [subjects.ServiceAccountRef("default", name)])
    inputs: Any = {"description": "IRSA for default", "assume_role_policy": json.dumps(trust)}
    role = aws.iam.Role(name, name=name, **inputs)
    allowed = bucket.arn.apply(read).apply(json.dumps)
    aws.iam.RolePolicy(name, name="read", role=role.name, policy=allowed)
    meta: Any = {"name": name, "namespace": "default"}
    identity = {"eks.amazonaws.com/role-arn": role.arn}
    account = k8s.core.v1.ServiceAccount(name, metadata=meta | {"annotations": identity})
    digest = Output.json_dumps(identity).apply(lambda text: sha256(text.encode()).hexdigest()[:16])
    pod = {**json.loads(POD), "serviceAccountName": account.metadata.name}
    meta |= {"labels": (labels := {"app.kubernetes.io/name": name})}
    pods = {"metadata": {"labels": labels, "annotations": {"irsa/identity-hash": digest}}}
    spec: Any = {"selector": {"matchLabels": labels}, "template": {**pods, "spec": pod}}
    k8s.apps.v1.Deployment(name, metadata=meta, spec=spec)


def _main() -> None:
    names = [f"bench-{number}" for number in range(int((sys.argv[1:] or ["25"])[0]))]
    times, made = defaultdict[Any, float](float), dict[Any, list[str]]()
    with own_folder() as folder:
        state = lifecycle.up(folder, progress)
        for program in (_components, _flat, _flat, _components):
            options: Any = {"config": {"aws:region": "us-east-1"}, "project_name": program.__name__}
            options["program"] = lambda p=program: [*map(p, names)]
            stack = SandboxStack(state, **options)
            for step in ("up", "second up", "destroy"):
                times[step, program] += cpu_seconds(getattr(stack, step.split()[-1]))
                if program not in made:
                    states = [entry for entry in stack.export()["resources"] if entry["custom"]]
                    made[program] = sorted(f"{e['type']} {e['inputs']}" for e in states)
    assert made[_components] == made[_flat], {*made[_components]} ^ {*made[_flat]}
    report({"bench": "up", "ratio": {s: times[s, _components] / times[s, _flat] for s, _ in times}})


if __name__ == "__main__":
    run(_main)
