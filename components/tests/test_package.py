"""The Pulumi package: its schema, the arguments it builds, and how it reports mistakes."""

import json
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from functools import cache
from importlib.metadata import version
from typing import get_type_hints

import pytest
import yaml
from pulumi import Output
from pulumi.errors import InputPropertiesError, InputPropertyError

from irsa_components.package.__main__ import OLDEST
from irsa_components.values import FROM_OBJECT
from irsa_core import REPOSITORY, __version__
from tests.support.engine import deploy, secret
from tests.support.paths import ROOT
from tests.support.processes import ran
from tests.support.world import PROVIDER_ARN, ROLE_A_ARN, ROLE_ARN, ROLE_B_ARN

if tuple(map(int, version("pulumi").split(".")[:2])) < OLDEST:
    pytest.skip("the package needs a newer pulumi", allow_module_level=True)

from irsa_components.package.provider import COMPONENTS, IrsaProvider

ROLE = {
    "roleName": "reports",
    "providerArns": [PROVIDER_ARN],
    "serviceAccounts": [{"namespace": "reporting", "name": "reports"}],
}
PODS = {
    "serviceAccount": {"namespace": "reporting", "name": "reports"},
    "podSpec": {"containers": [{"name": "app", "image": "app"}]},
}
WORKLOAD = {**PODS, "roleArn": ROLE_ARN}
LATER = Output.from_input("us-east-1")
NOT_PLAIN = "is the output of a resource; give a plain value"
NO_NAME = "read_policy_name: policy name 'a b' may have letters, digits and any of _+=,.@- only"
NOT_BOOL = "profile_only is the text 'yes'; give True or False"
NAMES = {f"{each}PolicyName": each for each in ("read", "readWrite", "full")}


def chain(**more):
    return {"chain": {"targets": [{"roleArn": ROLE_B_ARN}], "region": "us-east-1", **more}}


@cache
def provider():
    return IrsaProvider()


@pytest.fixture(scope="module")
def schema():
    return json.loads(provider().schema or "")


def create(kind, inputs):
    created = []
    engine = deploy(
        lambda: created.append(provider().construct("reports", f"irsa:index:{kind}", inputs))
    )
    return engine, created[0].state


def snake_case(name):
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


@pytest.mark.parametrize("kind", COMPONENTS, ids=lambda kind: kind.__name__)
def test_every_argument_is_an_input_and_optional_if_it_has_a_default(schema, kind):
    resource = schema["resources"][f"irsa:index:{kind.__name__}"]
    args = get_type_hints(kind.__init__)["args"]
    annotated = {name for kind in args.__mro__[:-1] for name in kind.__annotations__}
    declared = [argument for argument in fields(args) if argument.name in annotated]
    needed = (MISSING, FROM_OBJECT)
    required = {f.name for f in declared if f.default in needed and f.default_factory is MISSING}

    assert [snake_case(name) for name in resource["inputProperties"]] == [f.name for f in declared]
    assert {snake_case(name) for name in resource["requiredInputs"]} == required
    assert all(field["description"] for field in resource["inputProperties"].values())


def test_every_type_in_the_schema_is_defined_in_it(schema):
    references = set(re.findall(r'"#/types/(.*?)"', json.dumps(schema)))
    assert references == schema["types"].keys() >= {"irsa:index:ServiceAccount"}
    assert schema["dependencies"] == []


def test_what_decides_which_resources_exist_is_plain(schema):
    inputs = schema["resources"]["irsa:index:ServiceAccountRole"]["inputProperties"]

    for plain in (inputs["roleName"], inputs["subjects"]["items"]):
        assert plain["plain"]
    arns = inputs["providerArns"]["items"], inputs["policyArns"]["additionalProperties"]
    for output in (*arns, inputs["permissionsBoundary"]):
        assert "plain" not in output


def test_the_example_in_pulumi_yaml_fits_the_schema(schema):
    example = yaml.safe_load((ROOT / "examples/yaml/Pulumi.yaml").read_text())

    for resource in example["resources"].values():
        found = schema["resources"][resource["type"].replace("irsa:", "irsa:index:")]
        assert resource["properties"].keys() <= found["inputProperties"].keys()
        assert resource["properties"].keys() >= set(found["requiredInputs"])


def test_the_schema_marks_secrets(schema):
    definitions = {**schema["resources"], **schema["types"]}
    secrets = {
        (kind.rpartition(":")[2], name)
        for kind, definition in definitions.items()
        for name, value in definition.get("properties", {}).items()
        if value.get("secret")
    }
    assert secrets == {
        ("EksCluster", "kubeconfig"),
        ("AccessKeyUser", "secretAccessKey"),
        ("AccessKey", "secretAccessKey"),
        ("PodIdentity", "kubeconfig"),
    }


@pytest.mark.cases(("kind", "inputs"), {
    "bucket": ("DataBucket", {"bucketName": "acme-reports", **NAMES}),
    "cluster": ("EksCluster", {"clusterName": "platform", "existing": True}),
    "role": ("ServiceAccountRole", ROLE),
})  # fmt: skip
def test_a_component_gives_every_output_of_the_schema(schema, kind, inputs):
    _, state = create(kind, inputs)
    assert state.keys() == schema["resources"][f"irsa:index:{kind}"]["properties"].keys()


def test_nested_arguments_and_whole_numbers_arrive():
    target = {"roleArn": Output.from_input(ROLE_B_ARN), "durationSeconds": 1800.0}
    spec = {"containers": [{"name": "app", "env": [{"name": "A", "value": "b"}]}]}
    inputs = {**WORKLOAD, "replicas": 3.0, "podSpec": spec, **chain(targets=[target])}

    engine, _ = create("Workload", inputs)

    deployment = engine.one("Deployment").inputs["spec"]
    [container] = deployment["template"]["spec"]["containers"]
    assert deployment["replicas"] == 3
    assert {"name": "A", "value": "b"} in container["env"]
    config = engine.one("ConfigMap").inputs["data"]["config"]
    assert f"role_arn = {ROLE_B_ARN}\n" in config
    assert "duration_seconds = 1800\n" in config


def test_lists_of_records_arrive_and_an_access_key_stays_secret():
    trusted = {"roleArn": Output.from_input(ROLE_A_ARN), "uniqueId": "AROAEXAMPLE"}
    engine, _ = create("CrossAccountRole", {"roleName": "b", "trustedRoles": [trusted]})
    assert ROLE_A_ARN in engine.one("Role").inputs["assumeRolePolicy"]

    key = {"accessKeyId": "AKIA", "secretAccessKey": Output.secret("s3cret"), "region": "us-east-1"}
    engine, _ = create("Workload", {**PODS, "accessKey": key})
    data = {"aws_access_key_id": "QUtJQQ==", "aws_secret_access_key": "czNjcmV0"}
    assert engine.one("Secret").inputs["data"] == secret(data)


@pytest.mark.cases(("kind", "inputs", "problem"), {
    "name with a space": ("DataBucket", {"bucketName": "acme", "readPolicyName": "a b"}, NO_NAME),
    "output for a name": ("ServiceAccountRole", {**ROLE, "roleName": LATER},
        f"roleName {NOT_PLAIN}"),
    "output in a chain": ("Workload", {**WORKLOAD, **chain(region=LATER)},
        f"chain.region {NOT_PLAIN}"),
    "text for a boolean": ("Workload", {**WORKLOAD, **chain(profileOnly="yes")}, NOT_BOOL),
})  # fmt: skip
def test_a_mistake_is_one_line(kind, inputs, problem):
    with pytest.raises(InputPropertiesError) as refused:
        provider().construct("reports", f"irsa:index:{kind}", inputs)

    assert refused.value.message == problem
    assert refused.value.errors == [], "the SDK fails without a list"


def test_a_missing_input_and_a_wrong_name_are_named():
    with pytest.raises(InputPropertyError) as refused:
        provider().construct("reports", "irsa:index:Workload", {**WORKLOAD, "serviceAccount": {}})
    assert refused.value.property_path == "serviceAccount.namespace"

    with pytest.raises(InputPropertiesError, match="workload name"):
        deploy(lambda: provider().construct("Reports", "irsa:index:Workload", WORKLOAD))


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_the_plugin_started_by_hand_says_who_starts_it(arguments):
    done = ran(sys.executable, ROOT / "components", *arguments, stdin=subprocess.DEVNULL)

    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "pulumi package add" in line


def test_there_is_one_version_and_one_address(schema):
    plugin = yaml.safe_load((ROOT / "components/PulumiPlugin.yaml").read_text())
    tags = ran("git", "-C", ROOT, "tag", "--points-at", "HEAD", "v*").stdout.split()

    assert {schema["version"], provider().version} == {__version__}
    assert set(tags) <= {f"v{__version__}"}
    assert {schema["repository"], schema["homepage"]} == {REPOSITORY}
    assert plugin["requiredPulumiVersion"] == ">=3.237.0"
    assert OLDEST == (3, 237)
