"""`python -m irsa verify` in the sandbox, against what it verifies: `aws s3 ls` in the pod.

Both are whole processes. The workload is account A's example, whose chain is all right.
"""

import argparse
import sys
from contextlib import closing

from _measure import ROOT, medians, own_sandbox, report, run, seconds

from sandbox.demo import irsa
from sandbox.demo.pods import NAMESPACE
from sandbox.engine.stack import SandboxStack
from sandbox.session import Done, Session


def main() -> None:
    """Bring account A's stack up and time both sides in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with own_sandbox() as state, closing(Session(state)) as session:
        SandboxStack(session.state).up()
        times = medians(
            options.repetitions,
            {
                "verify": lambda: seconds(lambda: _verify(session)),
                "aws_s3_ls": lambda: seconds(lambda: _list(session)),
            },
        )
    report(
        {
            "bench": "verify",
            "repetitions": options.repetitions,
            "seconds": times,
            "ratio": times["verify"] / times["aws_s3_ls"],
        }
    )


def _verify(session: Session) -> None:
    where = ["--namespace", NAMESPACE, "--service-account", irsa.NAME, "--bucket", irsa.BUCKET]
    command = [sys.executable, "-m", "irsa", "verify", *where, "--wait", "0"]
    environment = {**session.state.environment(), "PYTHONPATH": str(ROOT)}
    _succeeded(session.run(command, environment))


def _list(session: Session) -> None:
    _succeeded(session.in_pod(NAMESPACE, irsa.NAME, irsa.LIST))


def _succeeded(done: Done) -> None:
    if done.code != 0:
        raise SystemExit(f"bench verify: exit code {done.code}: {done.output.strip()}")


if __name__ == "__main__":
    run(main)
