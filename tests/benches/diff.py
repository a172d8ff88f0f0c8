"""CPU of ``irsa diff``, as ratios to decisions of ``irsa decide``'s engine on the same documents.

A decision is one call under both documents of a pair, which are read and compiled for it.

- ``pair``: a comparison of two trust policies, in the median of five kinds of pairs
- ``slowest``: the slowest kind
- ``hostile``: patterns that reach the bound of states and are refused, to such a decision
- ``growth``: the time with 80 subjects to that with 8, divided by ten: 1.0 is linear
- ``stack``: two states of many roles, of which a hundredth differs, to reading the states
"""

import json
import statistics
from collections.abc import Callable
from itertools import count
from typing import Any

from _measure import cpu_seconds, judge, medians, options, run

from irsa.callers.difference import trust_changes
from irsa.callers.sets import Undecided
from irsa.callers.stacks import stack_changes
from irsa.observe.pulumi import stack_resources
from irsa_core.decide.principals import session_of
from irsa_core.decide.simulate import simulate
from irsa_core.decide.steps import AssumeRole, Scenario
from irsa_core.decide.trust_policy import compile_trust_policy
from irsa_core.identity.pod_identity import pod_identity_trust_policy
from irsa_core.identity.policies import TrustedRole, irsa_trust_policy, role_trust_policy
from irsa_core.identity.subjects import ServiceAccountPattern, ServiceAccountRef

GOALS = {"pair": 40.0, "slowest": 80.0, "hostile": 1_000.0, "growth": 1.5, "stack": 3.0}
"""Ratios that are not exceeded."""
ACCOUNT = "111122223333"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
CLUSTER = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/c"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
Pair = tuple[Any, Any]


def main() -> None:
    """Run the bench."""
    args = options(__doc__, roles=5_000, repetitions=5)
    kinds: dict[str, Callable[[int], Pair]] = {
        "exact to pattern": lambda n: (_tokens(f"a{n}"), _tokens(f"a{n}-*")),
        "one more": lambda n: (_tokens(f"a{n}"), _tokens(f"a{n}", "b")),
        "association": lambda n: (_association(f"a{n}"), _association(f"a{n}-*")),
        "external id": lambda n: (_by_role(f"t-{n}"), _by_role(f"t-{n}-b")),
        "equal": lambda n: (_tokens(f"a{n}", "b"), _tokens("b", f"a{n}")),
    }
    sides = {name: _many(pair, _compared) for name, pair in kinds.items()}
    sides |= {f"decide {name}": _many(pair, _decided) for name, pair in kinds.items()}
    sides |= {str(n): _many(lambda i, n=n: _subjects(i, n), _compared) for n in (8, 80)}
    sides |= {"hostile": _many(_hostile, _refused), "decide hostile": _many(_hostile, _decided)}
    states = [_state(args.roles, changed) for changed in (0, 1)]
    sides["read"] = lambda: cpu_seconds(lambda: [*map(_read, states)])
    sides["stack"] = lambda: cpu_seconds(lambda: stack_changes(*map(_read, states)))
    seconds = medians(args.repetitions, sides)
    pairs = [seconds[name] / seconds[f"decide {name}"] for name in kinds]
    ratios = {
        "pair": statistics.median(pairs),
        "slowest": max(pairs),
        "hostile": seconds["hostile"] / seconds["decide hostile"],
        "growth": seconds["80"] / seconds["8"] / 10,
        "stack": seconds["stack"] / seconds["read"],
    }
    milliseconds = {name: round(seconds[name] * 1000, 2) for name in kinds}
    judge("diff", args, ratios, GOALS, milliseconds=milliseconds)


def _many(pair: Callable[[int], Pair], judge: Callable[[Any, Any], object]) -> Callable[[], float]:
    """Seconds of one of ten pairs, none of which was seen before."""
    numbers = count()

    def measure() -> float:
        pairs = [pair(next(numbers)) for _ in range(10)]
        return cpu_seconds(lambda: [judge(*each) for each in pairs]) / len(pairs)

    return measure


def _compared(old: Any, new: Any) -> object:
    return trust_changes(old, new)


def _refused(old: Any, new: Any) -> None:
    try:
        trust_changes(old, new)
    except Undecided:
        return
    raise AssertionError("within the bound")


def _decided(*documents: Any) -> None:
    caller = session_of(ROLE, "session")
    for each in documents:
        step = AssumeRole(resource=ROLE, caller=caller, trust=compile_trust_policy(each))
        simulate(Scenario(None, None, None, [step]))


def _tokens(*names: str) -> Any:
    accounts = [
        (ServiceAccountPattern if "*" in name else ServiceAccountRef)("dev", name) for name in names
    ]
    return irsa_trust_policy([PROVIDER], accounts, quota=100_000)


def _subjects(number: int, size: int) -> Pair:
    names = [f"a{number}-{each}" for each in range(size)]
    return _tokens(*names), _tokens(*names[1:], "b")


def _association(name: str) -> Any:
    kind = ServiceAccountPattern if "*" in name else ServiceAccountRef
    return pod_identity_trust_policy([CLUSTER], [kind("dev", name)])


def _by_role(external_id: str) -> Any:
    return role_trust_policy([TrustedRole(ROLE, "A")], external_id=external_id)


def _hostile(number: int) -> Pair:
    globs = [f"*{a}*{number}*{b}*{c}*" for a in "abc" for b in "def" for c in "ghi"]
    old, new = _tokens("a"), _tokens("a")
    for document, listed in ((old, globs[:13]), (new, globs[13:])):
        document["Statement"][0]["Condition"] = {"StringLike": {f"{ISSUER}:sub": listed}}
    return old, new


def _state(roles: int, changed: int) -> Any:
    listed = [
        {
            "urn": f"urn:pulumi:dev::p::aws:iam/role:Role::r{n}",
            "type": "aws:iam/role:Role",
            "outputs": {
                "name": f"r{n}",
                "arn": f"arn:aws:iam::{ACCOUNT}:role/r{n}",
                "assumeRolePolicy": json.dumps(
                    _tokens(f"a{n}", *["b"] * (changed and n % 100 == 0))
                ),
            },
        }
        for n in range(roles)
    ]
    return {"deployment": {"resources": listed}}


def _read(state: Any) -> Any:
    return stack_resources(json.loads(json.dumps(state)))


if __name__ == "__main__":
    run(main)
