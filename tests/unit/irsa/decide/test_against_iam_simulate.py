"""Chains of two calls with tags, against a simulator that knows single requests.

What the first call passes to the second is derived here, from AWS's pages id_session-tags and
id_credentials_temp_control-access_monitor. ``IAM_SIMULATE_CASES`` is the number of chains. Not
generated, because the simulator decides against AWS's pages: a variable without a value under a
negated operator, a resource policy that names a session that has session policies.
"""

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.npm import npm_package
from tests.unit.irsa.decide.scenarios import ACCOUNT_A, ACCOUNT_B, ROLE_B, USER, decision, document

CASES = int(os.environ.get("IAM_SIMULATE_CASES", "500"))
SCRIPT = Path(__file__).parents[3] / "support/iam_simulate.js"
ROLES = [ROLE_B, f"arn:aws:iam::{ACCOUNT_A}:role/own"]
ASSUMING = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
LISTING = ["s3:ListBucket", "s3:List*"]
BUCKET = "arn:aws:s3:::red-data"
NAMES, TEAMS, PEOPLE = ["team", "stage"], ["red", "blue"], ["ann", "bob"]
LISTS = ["aws:TagKeys", "sts:TransitiveTagKeys"]
TAGS = [f"aws:{kind}Tag/{name}" for kind in ("Request", "Principal") for name in NAMES]
TEXTS = {
    **{key: [*TEAMS, "r*", "${aws:PrincipalTag/team}"] for key in TAGS},
    "aws:SourceIdentity": PEOPLE,
    "sts:SourceIdentity": PEOPLE,
    "sts:ExternalId": ["tenant-1", "tenant-2"],
}


class Chain:
    """A generated chain: the steps of a scenario, and the simulator's requests."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - cases, not secrets
        self.requests: list[dict[str, Any]] = []
        self.changes = False
        """Whether the second call changes what its session passes on, which STS refuses."""
        first, session, passed = self.assume(USER, {}, LISTS)
        call = self.assume if self.chance(0.6) else self.list_bucket
        self.steps = [first, call(session, passed, [])[0] | {"principal": None}]

    def names_of(self, caller: str, passed: dict[str, Any]) -> list[str]:
        """What a Principal element calls a user or the session of a role, and another user."""
        role = caller.removesuffix("/app").replace(":sts:", ":iam:").replace("assumed-", "")
        own = [role] if passed.get("session") else [caller, role]
        return [*own, *own, f"arn:aws:iam::{caller.split(':')[4]}:root", f"{USER}x"]

    def pick(self, values: Any) -> Any:
        return self._random.choice(list(values))

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def some(self, values: list[str]) -> Any:
        return self.pick(values) if self.chance(0.6) else self._random.sample(values, 2)

    def condition(self, block: dict[str, Any], lists: list[str]) -> None:
        key = self.pick([*TEXTS, *lists])
        if key in lists:
            operator = self.pick(["ForAllValues", "ForAnyValue"]) + ":StringEquals"
            block.setdefault(operator, {})[key] = self.some(NAMES)
        elif self.chance(0.2):
            block.setdefault("Null", {})[key] = self.pick(["true", "false"])
        else:
            kind = self.pick(["Equals", "NotEquals", "Like", "EqualsIgnoreCase"])
            operator = f"String{kind}{self.pick(['', '', 'IfExists'])}"
            texts = [each for each in TEXTS[key] if kind != "NotEquals" or "$" not in each]
            block.setdefault(operator, {})[key] = self.some(texts)

    def policy(self, actions: list[str], resource: str, lists: list[str], *callers: str) -> Any:
        """A policy of a caller, or, with ``callers``, of a resource; a trust policy without one."""

        def statement() -> dict[str, Any]:
            found: dict[str, Any] = {
                "Effect": self.pick(["Allow"] * 11 + ["Deny"]),
                "Action": self.pick([*[actions] * 4, self.some([*actions, "sts:*"])]),
            }
            if callers:
                everyone = callers == ("*",)
                found["Principal"] = "*" if everyone else {"AWS": self.some(list(callers))}
            if resource:
                by_tag = resource.replace("red", "${aws:PrincipalTag/team}")
                texts = ["*", "*", "*", resource, by_tag, f"{resource[:-2]}*", f"{resource}x"]
                found["Resource"] = self.pick(texts)
            for _ in range(self.pick([0, 0, 0, 0, 1, 2])):
                self.condition(found.setdefault("Condition", {}), lists)
            return found

        return document(*(statement() for _ in range(self.pick([1, 1, 2]))))

    def step(self, caller: str, actions: list[str], resource: str, lists: list[str]) -> Any:
        """A step with its caller's policies and with what limits it."""
        of = (actions, resource, lists)
        limits = {
            "permissions_boundary": self.policy(*of),
            "endpoint_policy": self.policy(*of, "*"),
            "resource_control_policies": [self.policy(*of, "*"), self.policy(*of, "*")],
            "service_control_policies": [[self.policy(*of)], [self.policy(*of), self.policy(*of)]],
        }
        return {
            "action": actions[0], "resource": resource, "principal": caller,
            "identity_policies": [self.policy(*of) for _ in range(self.pick([1, 1, 2]))],
            **{name: value for name, value in limits.items() if self.chance(0.1)},
        }  # fmt: skip

    def assume(self, caller: str, passed: dict[str, Any], lists: list[str]) -> tuple[Any, ...]:
        """A call of AssumeRole, its session, and what that passes on."""
        role = self.pick(ROLES)
        own = {name: self.pick(TEAMS) for name in NAMES if self.chance(0.4)}
        transitive = {name: own[name] for name in own if self.chance(0.5)}
        source = self.pick(PEOPLE) if self.chance(0.3) else None
        inherited, before = passed.get("transitive", {}), passed.get("source")
        self.changes |= bool(own.keys() & inherited.keys())
        self.changes |= bool(source and before and source != before)
        tags, external = {**own, **inherited}, self.pick(["tenant-1", "tenant-2", None])
        given = {"aws:TagKeys": list(own), "sts:TransitiveTagKeys": list(transitive)}
        given |= {f"aws:RequestTag/{name}": own[name] for name in own}
        given = {k: v for k, v in (given | {"sts:SourceIdentity": source}).items() if v}
        step = self.step(caller, ASSUMING, role, lists)
        step |= {
            "trust_policy": self.policy(ASSUMING, "", lists, *self.names_of(caller, passed)),
            "context": given, "external_id": external, "role_session_name": "app",
        }  # fmt: skip
        own_policy = self.policy([*LISTING, *ASSUMING], self.pick([BUCKET, *ROLES]), [])
        session_policy = own_policy if self.chance(0.2) else None
        actions = ASSUMING[:1] + ASSUMING[1:2] * bool(tags) + ASSUMING[2:] * bool(source or before)
        keys = given | {f"aws:RequestTag/{name}": tags[name] for name in tags}
        keys |= {"sts:ExternalId": external} if external else {}
        self.ask(step, actions, role.split(":")[4], passed, keys, step["trust_policy"])
        step |= {"session_policies": [session_policy]} if session_policy else {}
        session = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/app"
        after = {"tags": tags, "transitive": {**transitive, **inherited},
                 "source": source or before, "session": session_policy}  # fmt: skip
        return step, session, after

    def list_bucket(self, caller: str, passed: dict[str, Any], _: list[str]) -> tuple[Any, ...]:
        owner = self.pick([ACCOUNT_A, ACCOUNT_B])
        step = self.step(caller, LISTING[:1], BUCKET, [])
        callers = self.names_of(caller, passed)
        policy = self.policy(LISTING, BUCKET, [], *callers) if self.chance(0.6) else None
        self.ask(step, LISTING[:1], owner, passed, {}, policy)
        return (step | {"resource_account": owner, "resource_policy": policy, "context": {}},)

    def ask(
        self, step: Any, actions: list[str], account: str, passed: Any, keys: Any, policy: Any
    ) -> None:
        """Ask the simulator for each action, with the keys that the session has."""
        tags, source = passed.get("tags", {}), passed.get("source")
        keys = keys | {f"aws:PrincipalTag/{name}": tags[name] for name in tags}
        keys |= {"aws:SourceIdentity": source} if source else {}
        more = {"account": account, "context": keys, "session_policy": passed.get("session")}
        self.requests += [
            step | more | {"action": action, "resource_policy": policy} for action in actions
        ]


def test_chains_with_tags_are_decided_alike():
    simulator = npm_package("@cloud-copilot/iam-simulate")
    if simulator is None:
        pytest.skip("needs `npm install --global @cloud-copilot/iam-simulate`")
    chains = [Chain(seed) for seed in range(CASES)]
    requests = json.dumps([request for chain in chains for request in chain.requests])
    command = ["node", str(SCRIPT), str(simulator)]
    done = subprocess.run(command, input=requests, capture_output=True, text=True, check=True)
    verdicts = iter(json.loads(done.stdout))
    answers = []
    for chain in chains:
        theirs = [next(verdicts) for _ in chain.requests]
        denied = chain.changes or "deny" in theirs
        answers.append((decision(*chain.steps), "deny" if denied else "allow"))

    differing = [seed for seed, (ours, theirs) in enumerate(answers) if ours != theirs]
    assert [(chains[s].steps, answers[s]) for s in differing[:3]] == []
    assert sum(ours == "allow" for ours, _ in answers) > CASES // 10
