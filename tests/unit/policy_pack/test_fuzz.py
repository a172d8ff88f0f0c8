"""No property of a resource ends the pack, whether a provider would take it or not."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from irsa_policies.one_stack import KINDS
from irsa_policies.rules import PACK
from tests.support.policy_pack import (
    ACCOUNT,
    DEPLOYMENT,
    PROVIDER,
    ROLE,
    SERVICE_ACCOUNT,
    UNKNOWN,
    reports,
    resource,
)
from tests.unit.policy_pack.test_one_resource import role
from tests.unit.policy_pack.test_one_stack import account

TEXTS = st.sampled_from([
    UNKNOWN, "", "s3-app", "dev", "/", "{", "[]", "https://x", "arn:aws:iam::111122223333:role/x",
    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}',
])  # fmt: skip
KEYS = st.sampled_from([
    "name", "arn", "path", "assumeRolePolicy", "inlinePolicies", "policy", "role", "url",
    "clientIdLists", "thumbprintLists", "metadata", "namespace", "annotations",
    "eks.amazonaws.com/role-arn", "spec", "template", "serviceAccountName", "containers", "env",
    "envFrom", "valueFrom", "secretRef", "data", "value",
])  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(KEYS, each, max_size=5),
    max_leaves=25,
)
TYPES = st.sampled_from([
    ROLE, PROVIDER, SERVICE_ACCOUNT, *KINDS, "kubernetes:core/v1:Secret",
    "aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/policy:Policy",
])  # fmt: skip
PROPERTIES = st.dictionaries(KEYS, JSON, max_size=6)
RESOURCES = st.lists(st.tuples(TYPES, PROPERTIES, st.sampled_from(["", ACCOUNT])), max_size=3)
CONTAINERS = st.lists(st.dictionaries(KEYS, JSON, max_size=4), max_size=2)
FIELDS = ("containers", "initContainers", "volumes")
POD_SPECS = st.fixed_dictionaries(
    {"serviceAccountName": st.just("s3-app")}, optional=dict.fromkeys(FIELDS, JSON | CONTAINERS)
)


@settings(max_examples=40, deadline=None)
@given(RESOURCES, POD_SPECS, JSON)
def test_any_properties_are_read_or_said_to_be_unchecked(some, spec, trust):
    """Among them a Pod whose service account has a role."""
    pod = {"metadata": {"namespace": "dev", "name": "app"}, "spec": {"template": {"spec": spec}}}
    resources = [resource(kind, f"r{n}", *props) for n, (kind, *props) in enumerate(some)]
    resources += [account(), role(json.dumps(trust)), resource(DEPLOYMENT, "app", pod)]

    assert {each.rule for each in reports(*resources)} <= set(PACK)
