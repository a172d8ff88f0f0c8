"""The schemas of the stack files: current, and as strict as the reader about what they can say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from jsonschema import Draft7Validator

from components.config.account_a import AccountASettings
from components.config.account_b import AccountBSettings
from components.config.reader import read
from components.config.schema import stack_schema
from irsa.identity.arns import AccountId
from tests.support.paths import ROOT
from tests.support.refusal import refusal

PROGRAMS = ROOT / "tests" / "programs"
STRUCTURAL = (
    "unknown key",
    "is missing",
    "is not text",
    "is not a list",
    "is not a mapping",
    "is not a whole number",
    "is neither true nor false",
    "is none of",
    "is empty; fill it",
    "account id",
)
BUCKET = {"name": "bucket"}
CHAIN_B = {"name": "chain", "bucket": BUCKET}
WORKLOADS = {
    "chain": {"crossAccount": {"accountId": "444455556666"}},
    "federated": {"crossAccount": {"accountId": "444455556666", "via": "oidc-provider"}},
    "key": {"accessKey": {"userName": "s3-manager"}, "bucket": BUCKET},
}


@dataclass(frozen=True, kw_only=True)
class Engine:
    power: int = 90
    """Horse power."""


@dataclass(frozen=True, kw_only=True)
class Car:
    """A made-up project."""

    region: str
    """Region."""

    owner: AccountId
    """Account that owns it."""

    fuel: Literal["petrol", "sun"] = "sun"
    """What it
    burns."""

    engines: tuple[Engine, ...]
    """What drives it."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Stickers."""

    fast: bool = False
    """Whether it is."""


def example(folder: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / folder / "Pulumi.dev.yaml").read_text())


def accepted(kind: Any, project: str, config: Mapping[str, Any]) -> bool:
    given = {key: value for key, value in config.items() if value is not None}
    return Draft7Validator(stack_schema(kind, project)).is_valid({"config": given})


def stack_a(**changes: Any) -> dict[str, Any]:
    return {**example(".")["config"], **changes}


def without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if inner is not None}


def mistakes_a() -> list[tuple[str, dict[str, Any]]]:
    """The line and the configuration of every mistake that the programs' tests make in A."""
    lists = yaml.safe_load((PROGRAMS / "account_a_mistakes.yaml").read_text())
    systems = yaml.safe_load((PROGRAMS / "account_a_systems_mistakes.yaml").read_text())
    first = stack_a()["irsa:workloads"][0]
    role = stack_a()["irsa:roles"][0]
    pods = {"namespace": "dev", "container": {"image": "app"}}

    def workload(values: Mapping[str, Any]) -> dict[str, Any]:
        return stack_a(**{"irsa:workloads": [without_none(values)]})

    return [
        *((each["line"], stack_a(**each["changes"])) for each in lists["stack"]),
        *((each["line"], workload({**first, **each["changes"]})) for each in lists["workload"]),
        *(
            (each["line"], stack_a(**{"irsa:roles": [without_none({**role, **each["changes"]})]}))
            for each in lists["role"]
        ),
        *(
            (
                each["line"],
                workload({"name": each["of"], **pods, **WORKLOADS[each["of"]], **each["changes"]}),
            )
            for each in systems
        ),
    ]


def mistakes_b() -> list[tuple[str, dict[str, Any]]]:
    of = {
        "chain": {},
        "condition": {"trust": "principal-arn", "roleA": {"accountId": "111122223333"}},
        "federated": {"via": "oidc-provider", "serviceAccount": {"namespace": "d", "name": "c"}},
    }
    return [
        (
            each["line"],
            {
                **example("account_b")["config"],
                "irsa-account-b:workloads": [
                    without_none(
                        {**CHAIN_B, **of[each.get("of", "chain")], **each.get("workload", {})}
                    )
                ],
                **each.get("stack", {}),
            },
        )
        for each in yaml.safe_load((PROGRAMS / "account_b_mistakes.yaml").read_text())
    ]


def structural(mistakes: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    return [
        pytest.param(config, id=line[:70])
        for line, config in mistakes
        if any(sign in line for sign in STRUCTURAL)
    ]


@pytest.mark.parametrize(
    ("folder", "file"), [(".", "account-a.json"), ("account_b", "account-b.json")]
)
def test_the_example_names_its_schema_and_fits_it(folder, file):
    first_line = (ROOT / folder / "Pulumi.dev.yaml").read_text().splitlines()[0]
    path = first_line.removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((ROOT / folder / Path(path)).read_text())

    assert Path(path).name == file
    Draft7Validator.check_schema(schema)
    assert list(Draft7Validator(schema).iter_errors(example(folder))) == []


@pytest.mark.parametrize("config", structural(mistakes_a()))
def test_what_the_reader_refuses_by_structure_the_schema_of_a_refuses(config):
    assert not accepted(AccountASettings, "irsa", config)


@pytest.mark.parametrize("config", structural(mistakes_b()))
def test_what_the_reader_refuses_by_structure_the_schema_of_b_refuses(config):
    assert not accepted(AccountBSettings, "irsa-account-b", config)


@pytest.mark.parametrize(
    "changes",
    [
        {"irsa:workloads": "none"},
        {"irsa:trustPolicyQuota": "4096"},
        {"irsa:accountId": 111122223333},
        {"irsa:cluster": {"name": "dev", "existing": "true"}},
        {"aws:profile": "x"},
        {"pulumi:tags": {"a": "b"}},
    ],
    ids=str,
)
def test_what_the_reader_understands_the_schema_accepts(changes):
    assert accepted(AccountASettings, "irsa", stack_a(**changes))


def test_pulumis_own_keys_are_accepted_and_others_are_not():
    validator = Draft7Validator(stack_schema(AccountASettings, "irsa"))

    assert validator.is_valid({"config": stack_a(), "encryptionsalt": "v1:x"})
    assert not validator.is_valid({"config": stack_a(), "confg": {}})


def test_a_field_of_a_class_is_a_key_of_schema_and_reader():
    schema = stack_schema(Car, "cars")

    assert schema["properties"]["config"]["required"] == [
        "aws:region",
        "cars:owner",
        "cars:engines",
    ]
    assert schema["properties"]["config"]["additionalProperties"] is False
    properties = schema["properties"]["config"]["properties"]
    assert properties["aws:region"]["description"] == "Region."
    assert properties["cars:fuel"] == {
        "description": "What it burns.",
        "enum": ["petrol", "sun"],
        "default": "sun",
    }
    assert properties["cars:owner"]["pattern"] == "^[0-9]{12}$"
    assert schema["definitions"]["Engine"]["properties"]["power"] == {
        "description": "Horse power.",
        "type": ["integer", "string"],
        "pattern": "^[0-9]+$",
        "default": 90,
    }

    given = {"owner": "111122223333", "fuel": "petrol", "engines": [{"power": 5}]}
    assert read(Car, given, "cars:", region="x").engines == (Engine(power=5),)
    assert "keys here: owner, fuel, engines, labels, fast" in refusal(
        read, Car, {"feul": 1, **given}, "cars:", region="x"
    )
