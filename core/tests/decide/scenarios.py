"""Scenarios, and the evaluator's answers to them."""

from typing import Any

from core.tests.decide.web import check_signature
from irsa_core.decide.scenario import scenario_from
from irsa_core.decide.simulate import simulate
from tests.support.world import ACCOUNT_A, ISSUER, NOW


def scenario(*steps: dict[str, Any], **changed: Any) -> dict[str, Any]:
    ids = ["sts.amazonaws.com"]
    provider = {"account": ACCOUNT_A, "url": f"https://{ISSUER}", "client_ids": ids}
    return {"now": NOW, "oidc_providers": [provider], "steps": list(steps), **changed}


def answer(*steps: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return simulate(scenario_from(scenario(*steps, **changed), check_signature)).as_json()


def decision(*steps: dict[str, Any], **changed: Any) -> str:
    return answer(*steps, **changed)["decision"]


def provider(**changed):
    return [scenario()["oidc_providers"][0] | changed]


def error(*steps, **changed):
    found = answer(*steps, **changed)["error"]
    return found and (found["code"], found["http"], found["message"])
