"""Many workloads in the stacks of teams, side by side on one platform, against one stack of all.

Both sides are brought up, given one workload more, and destroyed, in the sandbox. The stacks of the
teams run in as many processes as the machine has processors; the one stack has a single engine. The
workloads have no Pods, whose number is Kubernetes' concern. A second `up` of every team must be
empty, or there is no result.

``ratio`` is the teams' time through the one stack's: below 1, teams are faster. ``change`` is what
one person waits for: an `up` of one team's stack, or of the one stack. The goal is for that; the
rest is the same work for the same AWS.
"""

import argparse
import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from _measure import ROOT, own_sandbox, progress, report, run, seconds

from sandbox.aws.accounts import ACCOUNT_A, REGION
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxState

GOAL = 0.5
MINUTES = 14.0
ONE_MORE = "one-more"
PLATFORM = "platform"

Config = dict[str, Any]
Counts = list[Mapping[str, int]]


def main() -> None:
    """Run both sides once, in a sandbox of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teams", type=int, default=5)
    parser.add_argument("--workloads", type=int, default=100, help="of each team")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    with own_sandbox() as state:
        report(_bench(state, options))


def _bench(state: SandboxState, options: argparse.Namespace) -> dict[str, Any]:
    SandboxStack(state, ROOT, stack=PLATFORM, config=_platform()).up()
    teams = [f"team-{number:02}" for number in range(options.teams)]
    names = {team: [f"{team}-{n:03}" for n in range(options.workloads)] for team in teams}
    everything = [name for of_team in names.values() for name in of_team]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context) as pool:

        def on_all(operation: str) -> Counts:
            jobs = [
                pool.submit(_operate, state, team, of_team, operation)
                for team, of_team in names.items()
            ]
            return [job.result() for job in jobs]

        def on_one(stack: str, wanted: list[str], operation: str = "up") -> Counts:
            return [pool.submit(_operate, state, stack, wanted, operation).result()]

        def measured(side: str, step: str, call: Callable[[], Counts]) -> None:
            times[side][step] = seconds(lambda: done.append(call()))
            progress(f"{side} {step}: {times[side][step]:.1f} s")

        done: list[Counts] = []
        times: dict[str, dict[str, float]] = {"teams": {}, "one": {}}
        list(pool.map(_imported, range(2 * options.processes)))  # a process takes seconds to start
        team = teams[0]
        measured("teams", "up", lambda: on_all("up"))
        resources = {"teams": sum(_created(counts) for counts in done[-1])}
        measured("teams", "up_again", lambda: on_all("up"))
        if any(counts.keys() != {"same"} for counts in done[-1]):
            raise SystemExit(f"a second up is not empty: {done[-1]}")
        measured("teams", "change", lambda: on_one(team, [*names[team], ONE_MORE]))
        measured("teams", "destroy", lambda: on_all("destroy"))
        measured("one", "up", lambda: on_one("all", everything))
        resources["one"] = sum(_created(counts) for counts in done[-1])
        measured("one", "change", lambda: on_one("all", [*everything, ONE_MORE]))
        measured("one", "destroy", lambda: on_one("all", everything, "destroy"))
    ratio = {step: times["teams"][step] / times["one"][step] for step in times["one"]}
    return {
        "bench": "fleet",
        "teams": options.teams,
        "workloads_of_each": options.workloads,
        "processes": options.processes,
        "resources": resources,
        "seconds": times,
        "ratio": ratio,
        "goal": GOAL,
        "met": ratio["change"] <= GOAL,
    }


def _platform() -> Config:
    cluster = {"name": "shared"}
    return {**_place(), "irsa:cluster": cluster, "irsa:workloads": "none"}


def _place() -> Config:
    return {"aws:region": REGION, "irsa:accountId": ACCOUNT_A}


def _config(stack: str, names: list[str]) -> Config:
    """A stack of these workloads, each with a bucket, in a namespace of its own."""
    return {
        **_place(),
        "irsa:cluster": {"stack": f"organization/irsa/{PLATFORM}"},
        "irsa:namespaces": [{"name": stack, "forceDestroy": True}],
        "irsa:workloads": [
            {
                "name": name,
                "namespace": stack,
                "bucket": {"name": f"bucket-{name}", "forceDestroy": True},
                "container": {"image": "app"},
                "replicas": 0,
            }
            for name in names
        ],
    }


def _operate(
    state: SandboxState, stack: str, names: list[str], operation: str
) -> Mapping[str, int]:
    """In a process of its own; what was done, counted by kind."""
    opened = SandboxStack(state, ROOT, stack=stack, config=_config(stack, names))
    return getattr(opened, operation)()


def _imported(_: int) -> None:
    """A process that answers has imported everything."""


def _created(counts: Mapping[str, int]) -> int:
    return counts.get("create", 0)


if __name__ == "__main__":
    run(main)
