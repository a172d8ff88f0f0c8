"""A test's reset of the sandbox, against a sandbox that is stopped and started again.

Each reset comes after a test that made a namespace, a service account, a Pod, a bucket with an
object, a role and a user. ``seconds`` has the least, the median and the most.
"""

import statistics
from contextlib import ExitStack
from typing import Any

from _measure import options, own_folder, progress, report, run, seconds

from irsa_sandbox import lifecycle
from irsa_sandbox.testing.sandbox import Sandbox, held

GOAL = 0.2  # seconds, for the median of a reset


def main() -> None:
    """Reset many times, restart some times, in one folder and one run."""
    args = options(__doc__, repetitions=50, restarts=5)
    samples: dict[str, list[float]] = {"take": [], "reset": [], "down_and_up": []}
    with own_folder() as folder:
        for restart in range(args.restarts):
            state = lifecycle.up(folder, progress)
            with held(state, ends=False) as sandbox:
                for _ in range(args.repetitions // args.restarts):
                    samples["take"].append(seconds(sandbox.snapshots.take))
                    _test(sandbox)
                    samples["reset"].append(seconds(sandbox.snapshots.restore))

            def again() -> None:
                lifecycle.down(folder)
                lifecycle.up(folder, lambda _: None)

            samples["down_and_up"].append(seconds(again))
            progress(f"{restart + 1}/{args.restarts}: reset {samples['reset'][-1]:.3f} s")
    report(_result(samples))


def _test(sandbox: Sandbox) -> None:
    """Write and read as a test does."""
    s3, iam = sandbox.accounts.a.client("s3"), sandbox.accounts.a.client("iam")
    s3.create_bucket(Bucket="bench")
    s3.put_object(Bucket="bench", Key="object", Body=b"content")
    iam.create_user(UserName="bench")
    trust = sandbox.trust_policy("bench/app")
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=trust)["Role"]
    with ExitStack() as after:
        pod = after.enter_context(sandbox.pod("bench/app", role["Arn"]))
        pod.boto3().client("sts").get_caller_identity()


def _result(samples: dict[str, list[float]]) -> dict[str, Any]:
    medians = {name: statistics.median(times) for name, times in samples.items()}
    return {
        "bench": "reset",
        "resets": len(samples["reset"]),
        "restarts": len(samples["down_and_up"]),
        "seconds": {
            name: {"min": min(times), "median": medians[name], "max": max(times)}
            for name, times in samples.items()
        },
        "ratio": medians["reset"] / medians["down_and_up"],
        "goal": GOAL,
        "met": medians["reset"] <= GOAL,
    }


if __name__ == "__main__":
    run(main)
