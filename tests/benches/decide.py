"""CPU of ``irsa decide``'s engine and of ``irsa doctor``: ratios within one run, and their growth.

With the garbage collector on, as users have it:

- ``reasons``: one trust decision with its reasons, as the object that the command prints, to the
  verdict alone; both from a scenario that was read before, its policies compiled
- ``policy_read``: the trust policy's JSON read, checked and compiled for each decision, to the same
- ``chain``: a chain of three calls, to the decision of its first
- ``scenario_read``: the whole scenario read, checked, compiled and decided, to `json.loads` alone
- ``help``: ``irsa --help``, to an interpreter that does nothing
- ``hostile``: the longest of inputs of 500 kB that are made to be slow, with reasons, to one of as
  many ordinary statements
- ``doctor``: the longest of texts of the greatest length that are made to be slow, to as long a log
- ``growth``: the time of one decision, and of reading its policy, with ten times the statements or
  subjects, divided by ten: 1.0 is linear
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from _hostile import HOSTILE, LINES, ORDINARY_LOG
from _measure import ROOT, cpu_seconds, judge, medians, options, run

from irsa.commands.known_errors import TEXT_MAX, diagnose
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.evaluate import Inquiry
from irsa_core.decide.policies import Policies
from irsa_core.decide.principals import Caller
from irsa_core.decide.scenario import parse_scenario
from irsa_core.decide.simulate import simulate
from irsa_core.decide.steps import Scenario
from irsa_core.decide.trust_policy import compile_trust_policy

GOALS = {
    "reasons": 3.0,
    "policy_read": 1.5,
    "chain": 4.0,
    "scenario_read": 40.0,
    "help": 8.0,
    "hostile": 10.0,
    "doctor": 3.0,
    "growth": 2.0,
}
"""Ratios that are not exceeded."""
ORDINARY = "other statements"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
ROLE_A = "arn:aws:iam::111122223333:role/s3-app-A"
ROLE_B = "arn:aws:iam::444455556666:role/s3-app-B"
BUCKET = "arn:aws:s3:::bucket-s3-app"
SUBJECT = "system:serviceaccount:dev:s3-app"
NOW = 1_795_561_309


def main() -> None:
    """Run the bench."""
    args = options(__doc__, decisions=20_000, repetitions=5)
    one, chain = _scenario(_web_identity()), _scenario(_web_identity(), _assume_role(), _list())
    times, read = args.decisions, parse_scenario(one)
    sides = {
        "trust": _repeated(_decide(one), times),
        "trust_reasons": _repeated(lambda: simulate(read).as_json(), times),
        "trust_policy_read": _repeated(_read_policy_and_decide, times // 2),
        "chain": _repeated(_decide(chain), times // 3),
        "scenario": _repeated(lambda: simulate(parse_scenario(one)), times // 10),
        "json": _repeated(lambda: json.loads(one), times),
        "help": lambda: _interpreter("-m", "irsa", "--help"),
        "nothing": lambda: _interpreter("-c", ""),
    }
    seconds = medians(args.repetitions, sides)
    hostile = medians(args.repetitions, {name: _hostile(raw) for name, raw in HOSTILE.items()})
    slowest = max(hostile, key=lambda name: hostile[name])
    texts = medians(args.repetitions, {line: _text(line) for line in (*LINES, ORDINARY_LOG)})
    growth = _growth(args.repetitions)
    ratios = {
        "reasons": seconds["trust_reasons"] / seconds["trust"],
        "policy_read": seconds["trust_policy_read"] / seconds["trust"],
        "chain": seconds["chain"] / seconds["trust"],
        "scenario_read": seconds["scenario"] / seconds["json"],
        "help": seconds["help"] / seconds["nothing"],
        "hostile": hostile[slowest] / hostile[ORDINARY],
        "doctor": max(texts.values()) / texts[ORDINARY_LOG],
        "growth": max(growth.values()),
    }
    judge("decide", args, ratios, GOALS, slowest_hostile=slowest, growth=growth)


def _growth(repetitions: int) -> dict[str, float]:
    sizes: dict[str, Callable[[int], dict[str, Any]]] = {
        "statements": lambda size: _web_identity([f"other-{n}" for n in range(size)]),
        "subjects": lambda size: _web_identity(patterns=[f"other-{n}-*" for n in range(size)]),
    }
    sides: dict[str, Callable[[], float]] = {}
    for name, step in sizes.items():
        for size in (30, 300):
            scenario = _scenario(step(size))
            sides[f"read {name} {size}"] = _repeated(lambda raw=scenario: parse_scenario(raw), 30)
            sides[f"decide {name} {size}"] = _repeated(_decide(scenario), 300)
    times = medians(repetitions, sides)
    return {
        f"{what}_{name}": round(times[f"{what} {name} 300"] / times[f"{what} {name} 30"] / 10, 2)
        for what in ("read", "decide")
        for name in sizes
    }


def _repeated(run: Callable[[], object], times: int) -> Callable[[], float]:
    """Seconds of one of many runs."""

    def measure() -> float:
        def many() -> None:
            for _ in range(times):
                run()

        return cpu_seconds(many) / times

    return measure


def _decide(raw: bytes) -> Callable[[], object]:
    scenario: Scenario = parse_scenario(raw)
    assert simulate(scenario).verdict.value == "allow"
    return lambda: simulate(scenario)


def _read_policy_and_decide() -> object:
    caller = Caller("web-identity", PROVIDER, "111122223333")
    keys = {f"{ISSUER.lower()}:aud": "sts.amazonaws.com", f"{ISSUER.lower()}:sub": SUBJECT}
    request = Request("sts:AssumeRoleWithWebIdentity", ROLE_A, caller, keys)
    policies = Policies(resource_policy=compile_trust_policy(json.loads(TRUST)))
    return Inquiry(request, policies, same_account=False).decide()


def _hostile(raw: bytes) -> Callable[[], float]:
    return lambda: cpu_seconds(lambda: json.dumps(simulate(parse_scenario(raw)).as_json()))


def _text(line: str) -> Callable[[], float]:
    text = line * (TEXT_MAX // len(line))
    return lambda: cpu_seconds(lambda: diagnose(text))


def _interpreter(*arguments: str) -> float:
    return cpu_seconds(
        lambda: subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True
        )
    )


def _scenario(*steps: dict[str, Any]) -> bytes:
    provider = {
        "account": "111122223333",
        "url": f"https://{ISSUER}",
        "client_ids": ["sts.amazonaws.com"],
    }
    return json.dumps({"now": NOW, "oidc_providers": [provider], "steps": steps}).encode()


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(action: str, resource: str) -> dict[str, Any]:
    return _document({"Effect": "Allow", "Action": action, "Resource": resource})


def _web_identity(others: list[str] | None = None, patterns: list[str] | None = None) -> Any:
    """A call that the last statement allows, or the last pattern."""

    def statement(operator: str, subject: str | list[str]) -> dict[str, Any]:
        return {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
                operator: {f"{ISSUER}:sub": subject},
            },
        }

    trusting = [statement("StringLike", [subject]) for subject in [*(others or ()), SUBJECT]]
    if patterns is not None:
        trusting = [statement("StringLike", [*patterns, "system:serviceaccount:dev:s3-*"])]
    return {
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": ROLE_A,
        "role_session_name": "app",
        "token": {
            "iss": f"https://{ISSUER}",
            "aud": ["sts.amazonaws.com"],
            "sub": SUBJECT,
            "exp": NOW + 3600,
            "iat": NOW,
        },
        "trust_policy": _document(*trusting),
    }


def _assume_role() -> dict[str, Any]:
    trusting = {"Effect": "Allow", "Principal": {"AWS": ROLE_A}, "Action": "sts:AssumeRole"}
    return {
        "action": "sts:AssumeRole",
        "resource": ROLE_B,
        "role_session_name": "xactarget",
        "trust_policy": _document(trusting),
        "identity_policies": [_allow("sts:AssumeRole", ROLE_B)],
    }


def _list() -> dict[str, Any]:
    return {
        "action": "s3:ListBucket",
        "resource": BUCKET,
        "resource_account": "444455556666",
        "resource_policy": None,
        "identity_policies": [_allow("s3:*", BUCKET)],
    }


PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
TRUST = json.dumps(_web_identity()["trust_policy"])

if __name__ == "__main__":
    run(main)
