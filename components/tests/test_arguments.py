"""Arguments of components: a value of a wrong type is refused in one line with its field's name."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, ForwardRef, Union, get_args, get_origin

import pulumi
import pytest

import irsa_components
from irsa_components.values import MESSAGE_MAX, arguments
from tests.support.engine import deploy
from tests.support.refusal import refusal
from tests.support.world import CLUSTER_ARN, PROVIDER_ARN, ROLE_ARN, ROLE_B_ARN

LATER = pulumi.Output.from_input("reports")
ACCOUNT = {"service_account": irsa_components.ServiceAccount(namespace="dev", name="s3-app")}
TARGET = irsa_components.TargetRoleArgs(role_arn=ROLE_B_ARN)
TRUSTED = [irsa_components.TrustedRoleArgs(role_arn=ROLE_ARN)]
IRSA = {"provider_arns": [PROVIDER_ARN], "subjects": ["dev/s3-app"]}
REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "AccessEntryArgs": {"principal_arn": ROLE_ARN, "policy": "AmazonEKSViewPolicy"},
    "AccessKeyArgs": {"access_key_id": "a", "secret_access_key": "b", "region": "us-east-1"},
    "AccessKeyUserArgs": {"user_name": "s3-app"},
    "CrossAccountRoleArgs": {"role_name": "B", "trust": "principal-arn", "trusted_roles": TRUSTED},
    "DataBucketArgs": {"bucket_name": "reports"},
    "EksClusterArgs": {"cluster_name": "dev"},
    "NamespaceArgs": {"namespace": "dev"},
    "PodIdentityArgs": {"association_id": "a-1"},
    "PodIdentityAssociationArgs": {**ACCOUNT, "cluster_arn": CLUSTER_ARN, "role_arn": ROLE_ARN},
    "RoleChainArgs": {"region": "us-east-1", "targets": [TARGET]},
    "ServiceAccount": {"namespace": "dev", "name": "s3-app"},
    "ServiceAccountRoleArgs": {**IRSA, "role_name": "s3-app"},
    "TargetRoleArgs": {"role_arn": ROLE_ARN},
    "TargetingAssociationArgs": {**ACCOUNT, "cluster_arn": CLUSTER_ARN, "role_arn": ROLE_ARN},
    "TrustedRoleArgs": {"role_arn": ROLE_ARN},
    "WorkloadArgs": {**ACCOUNT, "role_arn": ROLE_ARN, "pod_spec": {"containers": []}},
    "WorkloadIdentityArgs": {**ACCOUNT, "role_arn": ROLE_ARN},
}
VALUES = (True, b"text", {}, 1.5, 7, [], None, object(), "false")
ALL: Mapping[str, Any] = {
    name: found
    for name in irsa_components.__all__
    if is_dataclass(found := getattr(irsa_components, name))
}
FREE = (
    *("access_key_id", "association_id", "containers", "kubeconfig"),
    *("replicas", "secret_access_key", "taken_over"),
    *("annotations", "labels", "pod_annotations", "pod_labels"),
)
"""Fields for which only the type is checked."""
STATEMENT = {"Effect": "Allow", "Principal": {"AWS": ROLE_ARN}, "Action": "sts:AssumeRole"}
STATEMENT["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
FURTHER = {
    "effect in small letters": [STATEMENT | {"Effect": "allow"}],
    "Sid with a hyphen": [STATEMENT | {"Sid": "with-dash"}],
    "Sid twice": [STATEMENT | {"Sid": "Same"}, STATEMENT | {"Sid": "Same"}],
    "everyone": [STATEMENT | {"Principal": "*", "Condition": {"Null": {"aws:Arn": "false"}}}],
}
SECRET_PRINCIPAL = STATEMENT | {"Principal": {"AWS": pulumi.Output.secret("")}}
POLICY = '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
OF_RESOURCE = POLICY.replace('"Act', '"Principal": "*", "Act')
NO_POLICY = "session_policy: it is not a policy"
UNTAGGED = {"disable_session_tags": True}
IN_CHINA = CLUSTER_ARN.replace("arn:aws:", "arn:aws-cn:")
BUCKET = "arn:aws:iam::111122223333:policy/bucket"
EXISTING = {"existing": True}
MANY = {f"p{n}": f"{BUCKET}{n}" for n in range(20)}
VPC, SUBNETS = "vpc-00000001", ["subnet-00000001", "subnet-00000002"]
NODES = irsa_components.NodeGroupArgs(max_size=9)
ENTRIES = [irsa_components.AccessEntryArgs(**REQUIRED["AccessEntryArgs"])]
CHAIN = irsa_components.RoleChainArgs(targets=[TARGET], region="us-east-1")
PODS = irsa_components.PodIdentityArgs(association_id="a-1")
KEY = {"access_key": irsa_components.AccessKeyArgs(**REQUIRED["AccessKeyArgs"])}
OF_EXISTING = {
    "version": {"version": "1.34"},
    "subnet_ids": {"vpc_id": VPC, "subnet_ids": SUBNETS},
    "control_plane": {"control_plane": irsa_components.ControlPlaneArgs(deletion_protection=True)},
    "nodes": {"nodes": NODES},
    "auto_mode": {"auto_mode": True},
}
CREATED = EXISTING | {"provider_arn": PROVIDER_ARN, "create_provider": True}
BOTH_TRUE = EXISTING | {"force_destroy": True}
NO_ENDPOINT = {"endpoint_public_access": False, "endpoint_private_access": False}
NO_EFFECT = {"endpoint_public_access": False, "public_access_cidrs": ["203.0.113.0/24"]}
NO_ROLE = {"role_arn": None}
REFUSED: Mapping[str, Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "ServiceAccountRoleArgs": {
        "no subject": ({"subjects": []}, "role 's3-app' trusts no principal"),
        "subject without a namespace": ({"subjects": ["s3-app"]},
            "subject 's3-app' is not NAMESPACE/NAME"),
        "session of less than an hour": ({"max_session_duration": 3599},
            "max_session_duration: 3599 is outside of 3600 to 43200 seconds"),
        "quota too small": ({"trust_policy_quota": 2047},
            "trust_policy_quota: 2047 is outside of 2048 to 8192"),
        "one policy twice": ({"policy_arns": {"a": BUCKET, "b": BUCKET}},
            "policy_arns['b'] and policy_arns['a'] are "),
        "policy of another partition": ({"policy_arns": {"a": BUCKET.replace("aws", "aws-cn")}},
            "is not in partition aws, as others"),
        "role B of another partition": ({"role_b_arns": [ROLE_ARN.replace("aws", "aws-cn")]},
            "is not in partition aws, as others"),
        "21 policies": ({"policy_arns": MANY, "role_b_arns": [ROLE_ARN]},
            "has 21 managed policies; IAM attaches"),
        "description too long": ({"description": "x" * 1001}, "is not at most 1000 characters"),
        "description with a dash": ({"description": "reports — dev"},
            "description: 'reports — dev'"),
        "tags off without Pod Identity": (UNTAGGED, "disable_session_tags is for EKS Pod Identity"),
        "statement without a principal": ({"further_statements": [STATEMENT | {"Condition": {}}]},
            "[0] needs a Principal and"),
        "output in a statement": ({"further_statements": [SECRET_PRINCIPAL]},
            "Output is not JSON serializable; give plain"),
        **{f"statements, {claim}": ({"further_statements": listed},
            "further_statements: ") for claim, listed in FURTHER.items()},
    },
    "CrossAccountRoleArgs": {
        "no role": ({"trusted_roles": []}, "role 'B' trusts no principal"),
        "unknown trust": ({"trust": "arn"}, "trust: 'arn' is not one of role-arn, principal-arn"),
        "role without its unique id": ({"trust": "role-arn"},
            "role 'B' trusts a role without its unique id"),
    },
    "TrustedRoleArgs": {
        "unique id with a space": ({"unique_id": "AROA X"},
            "unique_id: 'AROA X' is not the unique id"),
    },
    "TargetingAssociationArgs": {
        "role of another account": ({"role_arn": ROLE_B_ARN}, "is not in account 111122223333"),
    },
    "PodIdentityAssociationArgs": {
        "session policy with tags": ({"session_policy": POLICY}, "set disable_session_tags=True"),
        "session policy of half a JSON": (UNTAGGED | {"session_policy": "{"},
            f"{NO_POLICY} (Expecting"),
        "session policy without statements": (UNTAGGED | {"session_policy": "{}"}, NO_POLICY),
        "session policy with a principal": (UNTAGGED | {"session_policy": OF_RESOURCE},
            f"{NO_POLICY} (Statement[1]"),
        "session policy of 2049 characters": (UNTAGGED | {"session_policy": f'"{"x" * 2047}"'},
            "2049 characters; EKS accepts 2048"),
        "cluster of another partition": ({"cluster_arn": IN_CHINA},
            "is not in partition aws-cn of the cluster"),
        "imported id of another cluster": ({"imported_id": "prod,a-1"},
            "prod,a-1 is of cluster prod, and the association is of dev"),
    },
    "AccessKeyUserArgs": {"version 0": ({"key_version": 0}, "key_version: 0 is outside of 1 to")},
    "DataBucketArgs": {
        "existing, to be deleted": (BOTH_TRUE, "bucket 'reports': existing=True is never deleted"),
    },
    "NamespaceArgs": {"existing, to be deleted": (BOTH_TRUE, "existing=True is never deleted")},
    "EksClusterArgs": {
        **{f"existing with {field}": (EXISTING | changes,
            f"{field} cannot be set on an existing cluster") for field,
            changes in OF_EXISTING.items()},
        "existing, two providers": (CREATED,
            "create_provider is for an existing cluster without an OIDC provider; remove it"),
        "new with a created provider": ({"create_provider": True},
            "create_provider is for an existing cluster without"),
        "existing provider with audiences": (EXISTING | {"audiences": ["mine"]},
            "cannot be set on an existing OIDC provider"),
        "new with an existing provider": ({"provider_arn": PROVIDER_ARN},
            "is created, so its OIDC provider cannot exist yet"),
        "subnets without a VPC": ({"subnet_ids": SUBNETS},
            "has one of subnet_ids and vpc_id; give both, or neither"),
        "id of no VPC": ({"vpc_id": "main", "subnet_ids": SUBNETS}, "such as 'vpc-0a1b2c3d'"),
        "one subnet": ({"vpc_id": VPC, "subnet_ids": SUBNETS[:1]},
            "1 subnets; EKS needs 2 in different av"),
        "one subnet twice": ({"vpc_id": VPC, "subnet_ids": SUBNETS[:1] * 2},
            "subnet_ids has subnet-00000001 twice"),
        "VPC among the subnets": ({"vpc_id": VPC, "subnet_ids": [*SUBNETS, VPC]},
            "'vpc-00000001' is not the id of a"),
        "Auto Mode with nodes": ({"auto_mode": True, "nodes": NODES},
            "nodes has no effect with auto_mode=True"),
        "deployer that is administrator": ({"role_arn": ROLE_ARN, "access_entries": ENTRIES},
            "so EKS makes it an administrator"),
        "deployer of another partition": ({"role_arn": ROLE_ARN, "partition": "aws-cn"},
            "is not in partition aws-cn"),
        "unknown partition": ({"partition": "aws-us"},
            "partition: 'aws-us' is not one of aws, aws-cn"),
        "name with a space": ({"cluster_name": "my dev"}, "cluster_name: 'my dev' is not 1 to 100"),
        "name of 101 characters": ({"cluster_name": "d" * 101}, "is not 1 to 100 letters"),
        "unknown version": ({"version": "1.9999"},
            "'1.9999' is not a Kubernetes version, such as '1.36'"),
        "audience with a space": ({"audiences": ["sts amazonaws"]},
            "audiences[0]: 'sts amazonaws' is not 1"),
        "no audience": ({"audiences": []}, "audiences is empty: STS would refuse every token"),
    },
    "NodeGroupArgs": {
        "no instance type": ({"instance_types": ()}, "instance_types is empty"),
        "misspelt instance type": ({"instance_types": ["t3medium"]},
            "instance_types[0]: 't3medium' is not one, such"),
        "smallest above largest": ({"min_size": 4},
            "min_size 4, desired_size 2 and max_size 3 must ascend"),
        "desired above largest": ({"desired_size": 4},
            "min_size 1, desired_size 4 and max_size 3 must ascend"),
        "no nodes": (dict.fromkeys(["min_size", "desired_size", "max_size"], 0),
            "must be at least 1"),
    },
    "ControlPlaneArgs": {
        "no endpoint": (NO_ENDPOINT, "_private_access are both False"),
        "no addresses": ({"public_access_cidrs": []}, "public_access_cidrs is empty"),
        "addresses without an endpoint": (NO_EFFECT,
            "public_access_cidrs has no effect with endpoint_public_access=False"),
        "address within a block": ({"public_access_cidrs": ["203.0.113.7/24"]},
            "block; write '203.0.113.0/24'"),
        "address without a length": ({"public_access_cidrs": ["203.0.113.5"]},
            "block; write '203.0.113.5/32'"),
        "no address": ({"public_access_cidrs": ["office"]},
            "an IPv4 CIDR block, such as '203.0.113.0/24'"),
        "private addresses": ({"public_access_cidrs": ["10.1.0.0/16"]},
            "[0]: 10.1.0.0/16 is a private range; use"),
        "41 blocks": ({"public_access_cidrs": ["8.8.8.8/32"] * 41},
            "public_access_cidrs has 41 blocks; EKS accepts 40"),
        "unknown log type": ({"log_types": ["Audit"]}, "log_types[0]: 'Audit' is not one of api"),
        "alias for a key": ({"encryption_key_arn": "alias/eks"},
            "'alias/eks' is not the ARN of a KMS key"),
    },
    "AccessEntryArgs": {
        "unknown policy": ({"policy": "cluster-admin"},
            "'cluster-admin' is not one of AmazonEKSClusterAdmin"),
        "principal without an ARN": ({"principal_arn": "ann"},
            "'ann' is not the ARN of a role or user"),
    },
    "WorkloadArgs": {
        "role and key": (KEY, "role_arn and access_key are both given, and every SDK uses the key"),
        "association and key": (KEY | NO_ROLE | {"pod_identity": PODS},
            "pod_identity and access_key are bot"),
        "chain from a key": (KEY | NO_ROLE | {"chain": CHAIN},
            "chain starts from a role, not from acces"),
        "no container": ({"containers": []}, "containers is empty: no container would have"),
        "chain from nothing": (NO_ROLE | {"chain": CHAIN},
            "the pods have no AWS identity; give role_arn, "),
    },
    "TokenArgs": {
        "empty audience": ({"audience": ""}, "audience: '' is not 1 to 255 characters"),
        "599 seconds": ({"expiration": 599}, "expiration: 599 is outside of 600 to 86400"),
        "86401 seconds": ({"expiration": 86401}, "expiration: 86401 is outside of"),
    },
    "RoleChainArgs": {
        "no targets": ({"targets": []},
            "chain has no targets; give at least one, or leave chain out"),
        "one target twice": ({"targets": [TARGET] * 2},
            "profile 'B' is given to two targets; rename one"),
        "own profile of a target's name": ({"own_profile": "B"},
            "own_profile and a target's are both 'B'; rename one"),
        "default as own profile": ({"own_profile": "default"},
            "profile name 'default' would change requests without"),
        "profile with a bracket": ({"own_profile": "a]"}, "profile name 'a]' may have letters"),
        "session name of 1 character": ({"session_name": "x"}, "session name 'x' must be 2 to 64"),
        "subject as session name": ({"session_name": "system:serviceaccount:dev:s3-app"},
            "a subject has colons"),
    },
    "TargetRoleArgs": {
        "an hour and a second": ({"duration_seconds": 3601},
            "3601 is above 3600: a chained session"),
        "15 minutes": ({"duration_seconds": 900}, "900 is not above 900: SDKs would assume"),
        "default profile in capitals": ({"profile": "DEFAULT"},
            "profile name 'DEFAULT' would change requests without a"),
        "external id with a line break": ({"external_id": "a\nrole_arn = x"}, "must be 2 to 1224"),
    },
}  # fmt: skip


def members_of(hint: Any) -> tuple[Any, ...]:
    if isinstance(hint, ForwardRef):  # a component or None
        name = hint.__forward_arg__.partition(" ")[0]
        return getattr(irsa_components, name), type(None)
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def nested(hint: Any, values: Callable[[Any], Iterable[Any]]) -> Iterator[Any]:
    """Yield values for an annotation, and for its items in lists and mappings."""
    yield from values(hint)
    for each in members_of(hint):
        if get_origin(each) is Sequence:
            yield from ([value] for value in nested(get_args(each)[0], values))
        if get_origin(each) is Mapping:
            yield from ({"a": value} for value in nested(get_args(each)[1], values))


def wrong(hint: Any) -> Iterator[Any]:
    """Yield values of every type that the annotation does not name."""
    named = {get_origin(each) or each for each in members_of(hint)}
    if Any not in named:
        accepted = {{Sequence: list, Mapping: dict}.get(each, each) for each in named}
        yield from (value for value in VALUES if type(value) not in accepted)
        yield from [{7: "a"}] * (Mapping in named)


def refused(name: str, changes: Mapping[str, Any]) -> str:
    message = refusal(ALL[name], **{**REQUIRED.get(name, {}), **changes})
    assert len(message) <= MESSAGE_MAX
    return message


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_value_of_a_wrong_type_is_refused_in_one_line_with_the_fields_name(name):
    for field in fields(ALL[name]):
        values = [*nested(field.type, wrong)]
        for value in values:
            message = refused(name, {field.name: value})
            assert field.name in message, value
            assert "; give " in message
        assert values or Any in (field.type, *get_args(field.type))


@pytest.mark.cases(("name", "field", "value", "said"), {
    # `pulumi.Config().get` returns text, of which every one but the empty is true to Python.
    "text for a boolean": ("DataBucketArgs", "force_destroy", "false",
        "the text 'false'; give True or False"),
    "empty text for a boolean": ("DataBucketArgs", "force_destroy", "",
        "the text ''; give True or False"),
    "output": ("DataBucketArgs", "bucket_name", LATER,
        "the output of a resource; give a plain value"),
    "bytes for a key": ("AccessKeyArgs", "secret_access_key", b"s3cret",
        "a value of type bytes; give text"),
})  # fmt: skip
def test_a_value_is_shown_unless_it_may_be_a_secret(name, field, value, said):
    assert refused(name, {field: value}) == f"{field} is {said}"


BUCKET_ARGS = irsa_components.DataBucketArgs()
OTHER_ARGUMENTS = {
    "mapping": (("x", {}), {}, "DataBucket 'x': args is a mapping; give DataBucketArgs(…)"),
    "nothing": (("x",), {}, "DataBucket 'x': args is None; give DataBucketArgs(…)"),
    "arguments one by one": (("x",), {"existing": True}, "DataBucketArgs(existing=…)"),
    "no name": ((None, BUCKET_ARGS), {}, "name of a DataBucket is None; give text"),
    "output for a name": ((LATER, BUCKET_ARGS), {}, "the output of a resource; give a plain value"),
    "output in a name": ((f"{LATER}", BUCKET_ARGS), {}, "has an output inside of a text; use Outp"),
}


@pytest.mark.cases(("positional", "named", "said"), OTHER_ARGUMENTS)
def test_a_component_refuses_other_arguments_than_its_class_has(positional, named, said):
    assert said in refusal(irsa_components.DataBucket, *positional, **named)


def test_a_component_among_the_providers_is_refused():
    def program() -> None:
        args = irsa_components.EksClusterArgs(cluster_name="dev", existing=True)
        clusters: Any = [irsa_components.EksCluster("dev", args)]
        irsa_components.DataBucket("x", BUCKET_ARGS, pulumi.ResourceOptions(providers=clusters))

    assert "EksCluster in `providers` is no provider; give its kube" in refusal(deploy, program)


def test_arguments_are_replaced_as_those_of_any_dataclass():
    @arguments
    class Sized:
        sizes: Sequence[int] = ()

    assert Sized(sizes=(1, 2)) == Sized(sizes=[1, 2]) != Sized()
    assert refusal(Sized, sizes=[1, "2"]) == "sizes[1] is the text '2'; give a whole number"


def mistaken(hint: Any) -> list[Any]:
    """Return values of the annotation's own types, too long or too small for all AWS names."""
    return [{str: "\n" * 1300, int: -1}[each] for each in members_of(hint) if each in (str, int)]


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_text_or_number_that_aws_cannot_take_is_refused_by_field(name):
    for field in fields(ALL[name]):
        if field.name not in FREE:
            for value in nested(field.type, mistaken):
                assert field.name.removesuffix("s") in refused(name, {field.name: value})


@pytest.mark.cases(("name", "changes", "message"), {
    f"{name}: {claim}": (name, *case)
    for name, cases in REFUSED.items()
    for claim, case in cases.items()
})  # fmt: skip
def test_what_aws_would_refuse_or_leaves_pods_without_identity_is_refused(name, changes, message):
    assert message in refused(name, changes)
