"""Arguments of components: a value of a wrong type is refused in one line with its field's name."""

import asyncio
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import pulumi
import pytest

import irsa_components
from irsa_components.values import arguments
from tests.support.refusal import refusal

ROLE = "arn:aws:iam::111122223333:role/s3-app"
CLUSTER = "arn:aws:eks:us-east-1:111122223333:cluster/dev"
PROVIDER = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"
ACCOUNT = {"service_account": irsa_components.ServiceAccount(namespace="dev", name="s3-app")}
REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "AccessEntryArgs": {"principal_arn": ROLE, "policy": "AmazonEKSViewPolicy"},
    "AccessKeyArgs": {"access_key_id": "a", "secret_access_key": "b", "region": "us-east-1"},
    "AccessKeyUserArgs": {"user_name": "s3-app"},
    "ControlPlaneArgs": {},
    "CrossAccountRoleArgs": {"role_name": "B", "trust": "principal-arn"},
    "DataBucketArgs": {"bucket_name": "reports"},
    "EksClusterArgs": {"cluster_name": "dev"},
    "NamespaceArgs": {"namespace": "dev"},
    "NodeGroupArgs": {},
    "PodIdentityArgs": {"association_id": "a-1"},
    "PodIdentityAssociationArgs": {**ACCOUNT, "cluster_arn": CLUSTER, "role_arn": ROLE},
    "RoleChainArgs": {"region": "us-east-1"},
    "ServiceAccount": {"namespace": "dev", "name": "s3-app"},
    "ServiceAccountRoleArgs": {"role_name": "s3-app", "provider_arns": [PROVIDER]},
    "TargetRoleArgs": {"role_arn": ROLE},
    "TargetingAssociationArgs": {**ACCOUNT, "cluster_arn": CLUSTER, "role_arn": ROLE},
    "TokenArgs": {},
    "TrustedRoleArgs": {"role_arn": ROLE},
    "WorkloadArgs": {**ACCOUNT, "role_arn": ROLE, "pod_spec": {}},
    "WorkloadIdentityArgs": {**ACCOUNT, "role_arn": ROLE},
}
VALUES: Mapping[type, Any] = {
    bool: True,
    bytes: b"text",
    dict: {},
    float: 1.5,
    int: 7,
    list: [],
    NoneType: None,
    object: object(),
    str: "false",
}


def kinds() -> Iterator[type]:
    for each in pkgutil.iter_modules(irsa_components.__path__, "irsa_components."):
        module = importlib.import_module(each.name)
        for name, value in vars(module).items():
            own = is_dataclass(value) and value.__module__ == each.name
            if own and name in vars(irsa_components)["_MODULES"]:
                yield value


ALL = {kind.__name__: kind for kind in kinds()}


def wrong(hint: Any) -> Iterator[Any]:
    """Yield values of every type that the annotation does not name."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    named = {get_origin(each) or each for each in members}
    if Any in named:
        return
    built_in = {Sequence: list, Mapping: dict}
    accepted = {built_in.get(each, each) for each in named}
    yield from (value for kind, value in VALUES.items() if kind not in accepted)
    for each in members:
        if get_origin(each) is Sequence:
            yield from ([value] for value in wrong(get_args(each)[0]))
        if get_origin(each) is Mapping:
            yield from ({"a": value} for value in wrong(get_args(each)[1]))
            yield {7: "a"}


def test_every_class_of_arguments_is_here():
    assert ALL.keys() == REQUIRED.keys()
    assert all(is_dataclass(kind) for kind in ALL.values())


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_value_of_a_wrong_type_is_refused_in_one_line_with_the_fields_name(name):
    kind: Any = ALL[name]
    for field in fields(kind):
        values = [*wrong(field.type)]
        for value in values:
            message = refusal(kind, **{**REQUIRED[name], **needed(kind), field.name: value})
            assert field.name in message, value
            assert "; give " in message
            assert "\n" not in message
        assert values or Any in (field.type, *get_args(field.type))


def needed(kind: Any) -> Mapping[str, Any]:
    """Fields whose values are arguments themselves, and lists that must not be empty."""
    given: dict[str, Any] = {
        "targets": ALL["TargetRoleArgs"],
        "trusted_roles": ALL["TrustedRoleArgs"],
    }
    names = {field.name for field in fields(kind)}
    values = {key: kind(**REQUIRED[kind.__name__]) for key, kind in given.items() if key in names}
    values = {key: [value] for key, value in values.items()}
    return {**values, "subjects": ["dev/s3-app"]} if "subjects" in names else values


@pytest.mark.parametrize("text", ["false", "no", "0", ""])
def test_a_text_for_a_truth_value_is_refused(text):
    """`pulumi.Config().get` returns text, of which every one but the empty is true to Python."""
    assert refusal(ALL["DataBucketArgs"], bucket_name="reports", force_destroy=text) == (
        f"force_destroy is the text {text!r}; give True or False"
    )


def test_the_output_of_a_resource_is_refused_where_a_plain_value_is_needed():
    output = pulumi.Output.from_input("reports")

    assert refusal(ALL["DataBucketArgs"], bucket_name=output) == (
        "bucket_name is the output of a resource; give a plain value"
    )


def test_a_secret_of_a_wrong_type_is_not_shown():
    given = {**REQUIRED["AccessKeyArgs"], "secret_access_key": b"s3cret"}

    assert refusal(ALL["AccessKeyArgs"], **given) == (
        "secret_access_key is a value of type bytes; give text"
    )


def test_arguments_are_replaced_as_those_of_any_dataclass():
    @arguments
    class Sized:
        sizes: Sequence[int] = ()

    assert Sized(sizes=(1, 2)) == Sized(sizes=[1, 2]) != Sized()
    assert refusal(Sized, sizes=[1, "2"]) == "sizes[1] is the text '2'; give a whole number"


REGION = "us-east-1"
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": ROLE},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
}
POLICY = '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
NOT_IN_AWS: Sequence[tuple[str, Mapping[str, Any], str]] = [
    ("AccessKeyArgs", {"region": "us-east-1a"}, "region: region 'us-east-1a' is not one of AWS's"),
    ("CrossAccountRoleArgs", {"permissions_boundary": ROLE}, "permissions_boundary: 'arn:aws:iam"),
    ("EksClusterArgs", {"audiences": "sts.amazonaws.com"}, "audiences is the text"),
    ("EksClusterArgs", {"audiences": ["sts amazonaws"]}, "audiences[0]: 'sts amazonaws' is not 1"),
    ("EksClusterArgs", {"partition": "aws-us"}, "partition: 'aws-us' is not one of aws, aws-cn"),
    ("EksClusterArgs", {"role_arn": ROLE, "partition": "aws-cn"}, "is not in partition aws-cn"),
    ("EksClusterArgs", {"version": "1.9999"}, "version: '1.9999' is not a Kubernetes version"),
    ("PodIdentityAssociationArgs", {"session_policy": "{}"}, "session_policy: it is not a policy"),
    ("PodIdentityAssociationArgs", {"session_policy": "[1]"}, "session_policy: it is not a"),
    (
        "PodIdentityAssociationArgs",
        {"session_policy": POLICY.replace('"Effect": "Allow", ', "")},
        "session_policy: it is not a policy (Statement[1]",
    ),
    (
        "PodIdentityAssociationArgs",
        {"session_policy": POLICY.replace('"Action"', '"Principal": "*", "Action"')},
        "session_policy: it is not a policy (Statement[1]",
    ),
    ("RoleChainArgs", {"region": "us-east-1a"}, "did you mean us-east-1"),
    ("ServiceAccountRoleArgs", {"description": "x" * 1001}, "is not at most 1000 characters"),
    ("ServiceAccountRoleArgs", {"description": "reports — dev"}, "description: 'reports — dev'"),
    (
        "ServiceAccountRoleArgs",
        {"permissions_boundary": ROLE},
        "permissions_boundary: 'arn:aws:iam",
    ),
    (
        "ServiceAccountRoleArgs",
        {"role_b_arns": ["arn:aws-cn:iam::444455556666:role/B"]},
        "are in two partitions; use one",
    ),
    ("TrustedRoleArgs", {"unique_id": "AROA X"}, "unique_id: 'AROA X' is not the unique id"),
    ("WorkloadArgs", {"replicas": 1.5}, "replicas is the number 1.5; give a whole number"),
    *[
        ("WorkloadArgs", {"role_arn": arn}, f"role_arn: {arn!r} is not the ARN of a role")
        for arn in ("s3-app", "", f"{ROLE} ", ROLE.replace(":role/", ":instance-profile/"))
    ],
    *[
        ("ServiceAccountRoleArgs", {"further_statements": listed}, "further_statements: ")
        for listed in (
            [{**STATEMENT, "Condition": {"StringEqual": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}}],
            [{**STATEMENT, "Effect": "allow"}],
            [{**STATEMENT, "Resource": "*"}],
            [{**STATEMENT, "Action": "s3:GetObject"}],
            [{**STATEMENT, "Principal": {"AWS": "arn:aws:iam::111122223333:group/tools"}}],
            [{**STATEMENT, "Sid": "with-dash"}],
            [{**STATEMENT, "Sid": "Same"}, {**STATEMENT, "Sid": "Same"}],
        )
    ],
]


@pytest.mark.parametrize(("name", "changes", "message"), NOT_IN_AWS)
def test_what_aws_or_kubernetes_must_refuse_is_refused_before(name, changes, message):
    given = {**REQUIRED[name], **needed(ALL[name]), **changes}
    if "session_policy" in changes:
        given["disable_session_tags"] = True

    assert message in refusal(ALL[name], **given)


def test_a_bare_output_is_checked_when_it_is_known():
    async def refused() -> None:
        args = ALL["WorkloadArgs"](
            **{**REQUIRED["WorkloadArgs"], **needed(ALL["WorkloadArgs"])},
        )
        later = replace(args, role_arn=pulumi.Output.from_input("s3-app"))
        with pytest.raises(pulumi.RunError, match=r"^WorkloadArgs.role_arn: 's3-app' is not the"):
            await later.role_arn.future()

    asyncio.run(refused())
