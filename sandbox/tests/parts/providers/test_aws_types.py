"""Every type of the `aws` provider: what lives how long, and the effects of changed inputs.

The same as with terraform-provider-aws 6.47.1, where its plugin is on PATH.
"""

import json
from typing import Any, NamedTuple

import pytest

from irsa_core.identity.policies import tls_only_bucket_policy
from irsa_core.identity.subjects import ServiceAccountRef
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.providers.aws.provider import package
from irsa_sandbox.providers.aws.table import AwsType, Is
from tests.sandbox.support.aws_harness import ROLE_ARN, SUBNETS, VPC, Aws, allow, trust
from tests.sandbox.support.pod_identity import AUTO_MODE, pod_role
from tests.sandbox.support.provider_harness import (
    NOTHING,
    Difference,
    Engine,
    InvalidInput,
    Resource,
    shown,
)
from tests.sandbox.support.with_plugin import differences, explained, listed

pytestmark = pytest.mark.usefixtures("restored")

POLICY, OTHER_POLICY = allow("s3:GetObject", "*"), allow("s3:PutObject", "*")
OF_AWS = "arn:aws:iam::aws:policy"
READ_ONLY, ADMINISTRATOR = f"{OF_AWS}/ReadOnlyAccess", f"{OF_AWS}/AdministratorAccess"
POLICIES = {
    "inlinePolicies": [{"name": "within", "policy": POLICY}],
    "managedPolicyArns": [ADMINISTRATOR, READ_ONLY],
}
POD_ROLE, OTHER_POD_ROLE = (f"arn:aws:iam::{ACCOUNT_A}:role/{name}" for name in ("app", "other"))
ACCESS = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS"
VIEW, EDIT = f"{ACCESS}ViewPolicy", f"{ACCESS}EditPolicy"
NAMESPACES = {"type": "namespace", "namespaces": ["dev", "apps"]}
TAGS = {"tags": {"team": "a"}}
SCALING = {"minSize": 1, "maxSize": 2, "desiredSize": 1}
PUBLIC = {**VPC, "publicAccessCidrs": ["203.0.113.0/24"]}
OF_BUCKET = json.dumps(tls_only_bucket_policy("arn:aws:s3:::made"))
ORDERED = {"instanceTypes", "thumbprintLists"}
"""Lists with an order; every other list is a set."""
UNREADABLE = {"bootstrapSelfManagedAddons", "forceDestroy", "preserve"}
"""Inputs that an import does not find in AWS."""


def encryption(algorithm: str, *, bucket_key: bool = False, **key: str) -> dict[str, Any]:
    default = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm, **key}}
    return {"rules": [{**default, "bucketKeyEnabled": True} if bucket_key else default]}


class Type(NamedTuple):
    """Inputs of a resource of a type, and other inputs by the effect of their change."""

    inputs: dict[str, Any]
    in_place: dict[str, Any] = {}  # noqa: RUF012 - never changed
    replacing: dict[str, Any] = {}  # noqa: RUF012 - never changed
    filled: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """Inputs that AWS has a value for: they may leave the program, and nothing changes."""
    import_id: str = "planned"
    """Its id, as programs give it to an import; empty if AWS has nothing to import."""


def setting(inputs: Any, in_place: Any, filled: Any = None) -> Type:
    """A setting of a bucket."""
    inputs, other = {"bucket": "made", **inputs}, {"bucket": "other"}
    return Type(inputs, in_place, other, filled or {}, import_id="made")


TYPES = {
    "aws:iam/role:Role": Type(
        {"name": "planned", "assumeRolePolicy": trust(sub="a")},
        {"assumeRolePolicy": trust(sub="b"), "description": "x", "maxSessionDuration": 7200,
         "permissionsBoundary": READ_ONLY, **POLICIES, **TAGS},
        {"name": "other-name", "path": "/x/"},
        POLICIES,
    ),
    "aws:iam/policy:Policy": Type(
        {"name": "planned", "policy": POLICY},
        {"policy": OTHER_POLICY, **TAGS},
        {"name": "other-name", "path": "/x/", "description": "x"},
        import_id=f"arn:aws:iam::{ACCOUNT_A}:policy/planned",
    ),
    "aws:iam/user:User": Type({"name": "planned"}, TAGS),
    "aws:iam/accessKey:AccessKey": Type(
        {"user": "keyed"}, {"status": "Inactive"}, {"user": "other"}, import_id=""
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Type(
        {"role": "app", "policyArn": READ_ONLY},
        replacing={"role": "other", "policyArn": ADMINISTRATOR},
        import_id=f"app/{READ_ONLY}",
    ),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": Type(
        {"user": "keyed", "policyArn": READ_ONLY},
        replacing={"user": "other", "policyArn": ADMINISTRATOR},
        import_id=f"keyed/{READ_ONLY}",
    ),
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": Type(
        {"roleName": "app", "policyArns": []},
        {"policyArns": [READ_ONLY]},
        {"roleName": "other"},
        import_id="app",
    ),
    "aws:iam/rolePolicy:RolePolicy": Type(
        {"role": "app", "name": "planned", "policy": POLICY},
        {"policy": OTHER_POLICY},
        {"role": "other", "name": "other-name"},
        import_id="app:planned",
    ),
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": Type(
        {"roleName": "app", "policyNames": []},
        replacing={"roleName": "other"},
        import_id="app",
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Type(
        {"url": "https://planned.example", "clientIdLists": ["a"]},
        {"clientIdLists": ["b", "c"], "thumbprintLists": ["b" * 40], **TAGS},
        {"url": "https://other.example"},
        {"thumbprintLists": ["a" * 40]},
        import_id=f"arn:aws:iam::{ACCOUNT_A}:oidc-provider/planned.example",
    ),
    "aws:s3/bucket:Bucket": Type(
        {"bucket": "planned"}, {"forceDestroy": True, **TAGS}, {"bucket": "other-name"}
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": setting(
        {"blockPublicAcls": True, "restrictPublicBuckets": True},
        {"blockPublicAcls": False, "blockPublicPolicy": True, "ignorePublicAcls": True},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": setting(
        {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "ObjectWriter"}},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": setting(
        {"versioningConfiguration": {"status": "Suspended"}},
        {"versioningConfiguration": {"status": "Enabled"}},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration":
        setting(encryption("aws:kms"), encryption("AES256"),
                encryption("aws:kms", bucket_key=True, kmsMasterKeyId="alias/key")),
    "aws:s3/bucketPolicy:BucketPolicy": setting(
        {"policy": OF_BUCKET}, {"policy": OF_BUCKET.replace("s3:*", "s3:PutObject")}
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Type(
        {"name": "planned"},
        {"description": "x", "metadataOptions": {"httpTokens": "optional"}, **TAGS},
        {"name": "other-name"},
        {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}},
        import_id="{id}",
    ),
    "aws:eks/cluster:Cluster": Type(
        {"name": "planned", "roleArn": ROLE_ARN, "vpcConfig": VPC,
         "bootstrapSelfManagedAddons": False},
        {"version": "1.36", "enabledClusterLogTypes": ["api"], "vpcConfig": PUBLIC, **TAGS},
        {"name": "other-name", "bootstrapSelfManagedAddons": True, "roleArn": POD_ROLE,
         "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.2.0.0/16"}},
        {**AUTO_MODE, "accessConfig": {"authenticationMode": "API"}, "deletionProtection": True,
         "version": "1.33", "vpcConfig": PUBLIC},
    ),
    "aws:eks/nodeGroup:NodeGroup": Type(
        {"clusterName": "dev", "nodeGroupName": "planned", "nodeRoleArn": POD_ROLE,
         "subnetIds": SUBNETS, "scalingConfig": SCALING, "labels": {"a": "1", "b": "2"}},
        {"scalingConfig": {**SCALING, "maxSize": 3}, "labels": {"b": "3"}, "version": "1.35",
         **TAGS},
        {"nodeGroupName": "x", "nodeRoleArn": OTHER_POD_ROLE, "subnetIds": SUBNETS[:1],
         "instanceTypes": ["m7i.large"], "capacityType": "SPOT", "diskSize": 30,
         "launchTemplate": {"id": "lt-1", "version": "1"}},
        {"amiType": "AL2023_x86_64_STANDARD", "capacityType": "SPOT", "diskSize": 30,
         "instanceTypes": ["m7i.large"], "version": "1.34"},
        import_id="dev:planned",
    ),
    "aws:eks/addon:Addon": Type(
        {"clusterName": "dev", "addonName": "coredns"},
        {"configurationValues": "{}", "serviceAccountRoleArn": POD_ROLE, "preserve": True, **TAGS},
        {"addonName": "kube-proxy"},
        {"configurationValues": "{}"},
        import_id="dev:coredns",
    ),
    "aws:eks/accessEntry:AccessEntry": Type(
        {"clusterName": "dev", "principalArn": POD_ROLE},
        {"kubernetesGroups": ["viewers"], "userName": "x", **TAGS},
        {"principalArn": OTHER_POD_ROLE, "type": "EC2_LINUX"},
        {"kubernetesGroups": ["b", "a"], "userName": "app"},
        import_id=f"dev:{POD_ROLE}",
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Type(
        {"clusterName": "dev", "principalArn": OTHER_POD_ROLE, "policyArn": VIEW,
         "accessScope": {"type": "cluster"}},
        replacing={"policyArn": EDIT, "accessScope": NAMESPACES, "principalArn": POD_ROLE},
        import_id=f"dev#{OTHER_POD_ROLE}#{VIEW}",
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Type(
        {"clusterName": "dev", "namespace": "dev", "serviceAccount": "app", "roleArn": POD_ROLE},
        {"roleArn": OTHER_POD_ROLE, "targetRoleArn": ROLE_ARN, "policy": POLICY,
         "disableSessionTags": True, **TAGS},
        {"namespace": "x", "serviceAccount": "x"},
        import_id="dev,{id}",
    ),
}  # fmt: skip
EACH = pytest.mark.parametrize("token", TYPES, ids=[t.rpartition(":")[2] for t in TYPES])
STAY = {token for token in TYPES if "Exclusive" in token or "SideEncryption" in token}
STAY.add("aws:s3/bucketVersioning:BucketVersioning")
"""Types whose deletion leaves AWS's own value or what is there."""


@pytest.fixture
def account(restored: None, iam: Any, eks: Any, s3: Any) -> None:
    """Things in account A that the resources name."""
    for name in ("made", "other"):
        s3.create_bucket(Bucket=name)
    for name in ("keyed", "other"):
        iam.create_user(UserName=name)
    for name in ("app", "other"):
        pod_role(iam, name, "dev", ServiceAccountRef("dev", "app"))
    eks.create_cluster(name="dev", version="1.34", roleArn=ROLE_ARN, resourcesVpcConfig=VPC)
    eks.create_access_entry(clusterName="dev", principalArn=OTHER_POD_ROLE)


def respelt(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return inputs with each JSON text in another spelling."""
    texts = {name for name, value in inputs.items() if str(value).startswith('{"')}
    return {**inputs, **{name: json.dumps(json.loads(inputs[name]), indent=2) for name in texts}}


def effect(found: Difference) -> str:
    return "replace" if found.replacing else "update" if found.in_place else "nothing"


@EACH
def test_a_resource_is_read_changed_imported_and_deleted(account, engine: Engine, token):
    kind = TYPES[token]
    inputs = {**kind.inputs, **kind.in_place}
    made = engine.create(token, kind.inputs)
    assert engine.refresh(made) == made

    changed = engine.update(made, inputs) if kind.in_place else made
    assert engine.refresh(changed) == changed
    assert engine.diff(changed, inputs) == NOTHING
    assert (changed.state == made.state) is (not kind.in_place)
    if "tags" in inputs:
        other = engine.update(changed, {**inputs, "tags": {"b": "c"}})
        assert other.state["tags"] == {"b": "c"}
        changed = engine.update(other, inputs)
    seen = engine.refresh(made)
    assert seen is not None
    live = changed.state.keys() - UNREADABLE
    assert shown(seen.state, *live) == shown(changed.state, *live), "as if others had changed it"

    if kind.import_id:
        imported = engine.read(token, kind.import_id.format(id=made.id))
        assert imported is not None
        diff = engine.diff(imported, inputs)
        assert (imported.id, {*diff.in_place, *diff.replacing} - UNREADABLE) == (made.id, set())

    for _ in range(2):  # one that is gone is deleted as well
        engine.delete(changed)
    assert (engine.refresh(changed) is None) is (token not in STAY)


def switched_off(value: Any, times: int, name: str = "") -> Any:
    """Return inputs with every switch off, and each value of a set that often, backwards."""
    if isinstance(value, dict):
        return {name: switched_off(inner, times, name) for name, inner in value.items()}
    if isinstance(value, list):
        listed = [switched_off(inner, times) for inner in value]
        return listed if name in ORDERED else listed[::-1] * times
    return False if value is True else value


@pytest.mark.parametrize("changes", ["in_place", "filled", "replacing"])
@EACH
def test_a_switch_that_is_off_and_a_value_twice_in_a_set_settle(
    account, either: Engine, token, changes
):
    more = getattr(TYPES[token], changes)
    if changes != "filled":  # others of them do not fit together
        more = {name: value for name, value in more.items() if switched_off(value, 2) != value}
    once, twice = (switched_off(TYPES[token].inputs | more, times) for times in (1, 2))
    made = either.create(token, twice)
    for seen in (made, either.refresh(made)):
        assert seen is not None
        assert either.diff(seen, once) == either.diff(seen, twice) == NOTHING


@EACH
def test_a_change_has_the_same_effect_in_both_providers(account, either: Engine, token):
    """Spellings of a document that are one: sandbox/tests/unit/providers/test_canonical.py."""
    inputs, in_place, replacing, *_ = TYPES[token]
    made = either.create(token, inputs)
    for changes, expected in ((in_place, "update"), (replacing, "replace")):
        effects = {n: effect(either.diff(made, {**inputs, n: v})) for n, v in changes.items()}
        assert effects == dict.fromkeys(changes, expected)
    assert effect(either.diff(made, respelt(inputs))) == "nothing"


@pytest.mark.published
@pytest.mark.parametrize("either", ["plugin"], indirect=True)
@EACH
def test_both_providers_preview_the_same_changes(account, aws, engine, either, token):
    kind, previews = TYPES[token], []
    for provider in (engine, either):
        restore = aws.emulator.snapshot()
        made = provider.create(token, kind.inputs)
        changed = {
            (token, name): provider.changes(made, {**kind.inputs, name: value})
            for name, value in (kind.in_place | kind.replacing).items()
        }
        previews.append({key: {"update": {"detailed": paths}} for key, paths in changed.items()})
        restore()
    explained(differences(*previews), listed("previews")["aws"])


@pytest.mark.parametrize("token", [token for token, kind in TYPES.items() if kind.filled])
def test_an_input_that_aws_fills_in_may_leave_the_program_and_return(
    account, either: Engine, token
):
    """The schema of terraform-provider-aws calls them optional and computed."""
    base, filled = TYPES[token].inputs, TYPES[token].filled
    made = either.create(token, {**base, **filled})
    for name in filled:
        fewer = {n: v for n, v in {**base, **filled}.items() if n != name}
        assert either.diff(made, {**base, **fewer}) == NOTHING, name
    left = either.update(made, base)
    assert shown(left.state, *filled) == shown(made.state, *filled)
    assert either.diff(left, {**base, **filled}) == NOTHING
    # The state has the program's inputs now, and a refresh brings none of the others back.
    seen = either.refresh(Resource(made.urn, made.id, either.check(token, base), left.state))
    assert seen is not None
    assert either.diff(seen, base) == NOTHING
    imported = either.read(token, made.id)
    assert imported is not None
    assert {*either.diff(imported, base).replacing} <= UNREADABLE


@EACH
def test_a_name_is_generated_as_the_stack_says_or_refused(account, aws: Aws, engine: Engine, token):
    emulator, inputs = aws.emulator, TYPES[token].inputs
    kind = package(emulator.proxy, aws.authority.ca_file, emulator.administrator).type_of(token, {})
    name = kind.name_property or ""
    unnamed = {key: value for key, value in inputs.items() if key != name}
    if not kind.autoname:
        assert engine.check(token, inputs, mode="DISABLE") == engine.check(token, inputs)
        return

    def named(**naming: str) -> str:
        return engine.check(token, unnamed, **naming)[name]

    assert named() == "main-0102030"
    for mode in ("PROPOSE", "ENFORCE"):
        assert named(mode=mode, proposed_name="acme") == "acme"
    problem = f"{name}: automatic naming is disabled but no explicit name was provided; set {name}"
    with pytest.raises(InvalidInput, match=problem):
        named(mode="DISABLE")
    for bad in ("a b", "x" * 130):
        for naming in ({"name": bad}, {"mode": "ENFORCE", "proposed_name": bad}):
            with pytest.raises(InvalidInput, match=f"{name}: .*{bad}.*; set {name}, or change the"):
                named(**naming)
        with pytest.raises(InvalidInput, match=f"{name}: .*{bad}((?!or change).)*$"):
            engine.check(token, {**inputs, name: bad})


def test_every_type_and_every_input_that_aws_fills_in_has_a_row(aws: Aws):
    by_other_tests = {"addonVersion", "region"}
    emulator = aws.emulator
    known = package(emulator.proxy, aws.authority.ca_file, emulator.administrator).types
    assert known.keys() == TYPES.keys()
    for token, each in known.items():
        assert isinstance(each, AwsType)
        named = {path.split(".")[0] for path in each.having(Is.FILLED)}
        assert named - by_other_tests <= {*TYPES[token].filled}, token
