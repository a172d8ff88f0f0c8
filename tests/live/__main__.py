"""`make test-aws`: both stacks on two AWS accounts, by the tests of this folder.

Exit codes: 0 every check holds and nothing is left, 1 not so, 2 wrong usage, and nothing was made.
With --clean it removes what a run has left, and does nothing else.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.live import left_overs, price
from tests.live.given import Given
from tests.live.run import FOLDER, TAG, Refused, Run, say, subnets_of
from tests.live.settings import PROJECT_A, buckets_of, check, example, stack_settings

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests, or clean up; the exit code."""
    options = _parser().parse_args(arguments)
    region = options.region or example(PROJECT_A)["aws:region"]
    profiles = (options.profile_a, options.profile_b)
    try:
        if not all(profiles):
            raise Refused("give two AWS profiles: make test-aws PROFILE_A=… PROFILE_B=…")
        run = Run.of(profiles, region, folder=options.folder, run_id=options.clean)
        return _clean(run) if options.clean else _test(run, options)
    except Refused as error:
        print(f"test-aws: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"test-aws: AWS: {' '.join(str(error).split())}", file=sys.stderr)
    return USAGE


def _test(run: Run, options: argparse.Namespace) -> int:
    if shutil.which("pulumi") is None:
        raise Refused("there is no `pulumi` on PATH; https://www.pulumi.com/docs/install/")
    given = Given(run, _settings(run, options), dict(os.environ))
    _refuse_taken_names(run, given.settings)
    for letter, account in zip("AB", run.accounts, strict=True):
        print(f"account {letter}: {account.id} in {run.region}, as {account.caller}")
    print(f"run {run.id}: everything it makes is named {run.prefix}-…, and tagged {TAG}={run.id}")
    print(price.estimate(run.id), flush=True)
    if not _agreed(options.yes):
        print("nothing was made")
        return 1
    arguments = ["-m", "aws", "-s", "-v", "--tb=short", "-p", "no:cacheprovider"]
    arguments += ["-W", "ignore"]  # a warning of a newer package must not cost a run
    code = pytest.main([*arguments, str(Path(__file__).parent)], plugins=[given])
    return 0 if code == pytest.ExitCode.OK else 1


def _settings(run: Run, options: argparse.Namespace) -> tuple[dict, dict]:
    subnets = [each for each in options.subnets.split(",") if each]
    settings = stack_settings(
        prefix=run.prefix,
        tags={TAG: run.id},
        region=run.region,
        accounts=(run.a.id, run.b.id),
        subnets=subnets_of(run, subnets),
        deployer_b=options.deployer_b,
    )
    try:
        check(settings)
    except ValueError as error:
        raise Refused(str(error)) from error
    return settings


def _refuse_taken_names(run: Run, settings: tuple[dict, dict]) -> None:
    """Refuse before anything is made what Pulumi would refuse after the cluster is."""
    taken = [each.name for each in left_overs.find(run)]
    s3 = run.a.client("s3")
    for name in buckets_of(settings):  # their names are the world's, and not the account's
        try:
            s3.head_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                continue
        taken.append(f"bucket {name}")
    if taken:
        raise Refused(f"exists already: {', '.join(taken)}; run this again, with another id")


def _agreed(yes: str) -> bool:
    if yes:
        return True
    try:
        return input("Type yes to make all of this: ").strip() == "yes"
    except KeyboardInterrupt:
        return False
    except EOFError:
        raise Refused("there is nobody to ask; YES=1 agrees to the price beforehand") from None


def _clean(run: Run) -> int:
    from tests.live.removal import remove  # pulumi takes a second to import

    problems = remove(run)
    for problem in problems:
        say(f"NOT removed: {problem}")
    if not problems:
        say(f"nothing of run {run.id} is left")
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    add = parser.add_argument
    add("--profile-a", default="", help="AWS profile of account A, which gets the cluster")
    add("--profile-b", default="", help="AWS profile of account B")
    add("--region", default="", help="region (default: the example's)")
    add("--subnets", default="", help="subnets for the cluster, with commas (default VPC's)")
    add("--deployer-b", default="", help="role that the deployment of account B assumes")
    add("--yes", default="", help="anything: agree to the price without being asked")
    add("--clean", default="", metavar="ID", help="remove what that run has left")
    add("--folder", type=Path, default=FOLDER, help="where runs and reports lie (.live)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
