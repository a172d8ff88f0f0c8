"""The Pulumi package: its schema, and what the plugin says about inputs that are wrong."""

import json
import subprocess
import sys
from dataclasses import MISSING, dataclass, fields

import pytest
import yaml
from components.config.keys import camel_case, keys_of
from components.config.reader import read
from components.specs import ContainerSpec
from pulumi import Input, Output
from pulumi.errors import InputPropertiesError

from components.package import schema
from components.package.catalogue import COMPONENTS, NAME
from components.package.provider import IrsaProvider
from irsa import __version__
from tests.support.engine import PROVIDER_ARN, deploy
from tests.support.paths import ROOT
from tools.docs.package import EXAMPLES, LANGUAGES, MISTAKE

ROLE = {
    "roleName": "reports",
    "providerArns": [PROVIDER_ARN],
    "subjects": [{"namespace": "reporting", "name": "reports"}],
}
WORKLOAD = {
    "namespace": "reporting",
    "serviceAccountName": "reports",
    "roleArn": "arn:aws:iam::111122223333:role/reports",
    "container": {"image": "app"},
}


def make(kind, inputs):
    """Let the plugin make a component; what it gives back."""
    made = []
    engine = deploy(
        lambda: made.append(IrsaProvider().construct("reports", f"{NAME}:index:{kind}", inputs))
    )
    return engine, made[0]


def refusal(kind, inputs):
    with pytest.raises(InputPropertiesError) as refused:
        IrsaProvider().construct("reports", f"{NAME}:index:{kind}", inputs)
    assert refused.value.errors == [], "the SDK trips over none"
    assert "\n" not in refused.value.message
    return refused.value.message


def test_every_field_of_the_arguments_is_an_input_and_none_else():
    resources = schema.package_schema()["resources"]
    for token, component in COMPONENTS.items():
        found = resources[token]
        assert list(found["inputProperties"]) == [
            camel_case(each.name) for each in fields(component.args)
        ]
        assert found["requiredInputs"] == [
            camel_case(each.name)
            for each in fields(component.args)
            if each.default is MISSING and each.default_factory is MISSING
        ]
        assert all(each["description"] for each in found["inputProperties"].values())


@dataclass(frozen=True, kw_only=True)
class Extended(ContainerSpec):
    """A container with one field more."""

    shell: str = "sh"
    """Shell to have."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """What has one."""

    container: Extended
    """The container."""

    arn: Input[str] | None = None
    """An ARN."""


def test_a_new_field_shows_up_in_the_configuration_its_schema_and_the_package():
    given = {"container": {"image": "app", "shell": "bash"}}
    assert read(Holder, given, "irsa:").container.shell == "bash"

    types: dict[str, schema.Schema] = {}
    inside = schema._properties(Holder, types)
    assert inside["required"] == ["container"]
    assert types["irsa:index:Extended"]["properties"]["shell"] == {
        "type": "string",
        "plain": True,
        "description": 'Shell to have. Default: "sh".',
    }
    assert [key.name for key in keys_of(Extended)][-1] == "shell"


def test_what_may_be_another_resources_output_is_not_plain():
    inputs = schema.package_schema()["resources"]["irsa:index:ServiceAccountRole"]
    properties = inputs["inputProperties"]
    assert properties["roleName"]["plain"]
    assert "plain" not in properties["providerArns"]["items"]
    assert "plain" not in properties["policyArns"]["additionalProperties"]
    assert "plain" not in properties["permissionsBoundary"]


def test_secrets_are_secret():
    found = schema.package_schema()
    resources, types = found["resources"], found["types"]
    assert resources["irsa:index:EksCluster"]["properties"]["kubeconfig"]["secret"]
    assert resources["irsa:index:AccessKeyUser"]["properties"]["secretAccessKey"]["secret"]
    assert resources["irsa:index:Workload"]["inputProperties"]["kubeconfig"]["secret"]
    assert types["irsa:index:StaticCredentials"]["properties"]["secretAccessKey"]["secret"]


def test_the_plugin_gives_every_output_of_the_schema():
    _, made = make("DataBucket", {"bucketName": "acme-reports", "policies": {"reports": "read"}})
    outputs = schema.package_schema()["resources"]["irsa:index:DataBucket"]["properties"]
    assert made.state.keys() == outputs.keys()


def test_numbers_of_the_engines_are_whole_again():
    engine, _ = make("ServiceAccountRole", {**ROLE, "maxSessionDuration": 7200.0})
    [role] = [each for each in engine.registered if each.typ == "aws:iam/role:Role"]
    assert role.inputs["maxSessionDuration"] == 7200


def test_a_pattern_and_a_name_are_subjects():
    subjects = [*ROLE["subjects"], {"namespace": "reporting", "pattern": "job-*"}]
    engine, _ = make("ServiceAccountRole", {**ROLE, "subjects": subjects})
    [role] = [each for each in engine.registered if each.typ == "aws:iam/role:Role"]
    conditions = [
        each["Condition"] for each in json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    ]
    assert "system:serviceaccount:reporting:reports" in str(conditions[0]["StringEquals"])
    assert "system:serviceaccount:reporting:job-*" in str(conditions[1]["StringLike"])


@pytest.mark.parametrize(
    ("kind", "inputs", "said"),
    [
        ("DataBucket", {"bucketName": "acme", "policies": {"reports": "write"}}, MISTAKE),
        (
            "DataBucket",
            {},
            "DataBucket reports: 'bucketName' is missing; add it (keys here: bucketName, forceD",
        ),
        ("DataBucket", {"bucketName": 3.0}, "bucketName: 3 is not text; put it in quotes"),
        ("DataBucket", {"bucketname": "acme"}, "did you mean 'bucketName'?"),
        ("DataBucket", {"bucketName": "A"}, "bucket name 'A' is refused by S3"),
        ("Nothing", {}, "no component 'irsa:index:Nothing'; there are irsa:index:AccessKeyUser"),
        (
            "ServiceAccountRole",
            {**ROLE, "roleName": Output.from_input("reports")},
            "reports.roleName decides what is made, so it cannot be the output of another resource",
        ),
        (
            "ServiceAccountRole",
            {**ROLE, "subjects": [{"namespace": "reporting"}]},
            "ServiceAccountRole reports.subjects[0]: a subject has a name or a pattern",
        ),
        (
            "ServiceAccountRole",
            {**ROLE, "subjects": [{"namespace": "reporting", "pattern": "*"}]},
            "subjects[0]: ",
        ),
        ("ServiceAccountRole", {**ROLE, "providerArns": PROVIDER_ARN}, "is not a list"),
        ("ServiceAccountRole", {**ROLE, "maxSessionDuration": 1.5}, "1.5 is not a whole number"),
        ("ServiceAccountRole", {**ROLE, "subjects": []}, "would trust nobody"),
        (
            "Workload",
            {**WORKLOAD, "container": {"image": "app", "env": {"AWS_PROFILE": "x"}}},
            "Workload reports.container: ",
        ),
        (
            "Workload",
            {**WORKLOAD, "chain": {"roleBArn": "x", "region": "r", "profiles": {"layout": "y"}}},
            "Workload reports.chain.profiles.layout: 'y' is none of injected, profile-only",
        ),
        ("CrossAccountRole", {"roleName": "b", "trustedRoles": [], "trust": "any"}, "is none of"),
    ],
)
def test_a_mistake_is_one_line(kind, inputs, said):
    assert said in refusal(kind, inputs)


def test_outputs_pass_where_they_may():
    arn = Output.from_input(PROVIDER_ARN)
    engine, _ = make("ServiceAccountRole", {**ROLE, "providerArns": [arn]})
    [role] = [each for each in engine.registered if each.typ == "aws:iam/role:Role"]
    assert PROVIDER_ARN in role.inputs["assumeRolePolicy"]


def test_the_plugin_says_what_starts_it():
    done = subprocess.run(
        [sys.executable, str(ROOT / "components/package")],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "pulumi package add" in line


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_is_short(language):
    file, _ = LANGUAGES[language]
    lines = (EXAMPLES / file).read_text().splitlines()
    if language == "Go":  # imports, checks of errors and braces are the language's
        lines = [each for each in lines if each.startswith("\t") and '\t"' not in each]
        lines = [
            each for each in lines if each.strip() not in ("if err != nil {", "return err", "}")
        ]
    assert len([each for each in lines if each.strip()]) <= 15, lines


def test_the_yaml_example_fits_the_schema():
    resources = yaml.safe_load((EXAMPLES / "Pulumi.yaml").read_text())["resources"]
    found = schema.package_schema()["resources"]
    for resource in resources.values():
        of = found[resource["type"].replace("irsa:", "irsa:index:")]
        given = resource["properties"]
        assert given.keys() <= of["inputProperties"].keys()
        assert set(of["requiredInputs"]) <= given.keys()


def test_the_version_is_the_projects():
    assert schema.package_schema()["version"] == IrsaProvider().version == __version__
