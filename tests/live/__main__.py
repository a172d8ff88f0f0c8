"""`make test-aws`: bring up both stacks on two AWS accounts, run the checks, remove everything.

Exit codes: 0 every check holds and nothing is left, 1 not so, 2 wrong usage, nothing was created.
With --clean it removes what a run has left, and does nothing else.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from irsa_sandbox.demo.checks import parts
from irsa_sandbox.serving.files import write_private
from tests.live import left_overs
from tests.live.answers import as_json, report
from tests.live.run import FOLDER, TAG, Refused, Run, say
from tests.support.paths import ROOT

USAGE = 2
PRICE = """\
AWS bills account A about 0.20 dollars an hour; a run takes about 40 minutes (docs/contributing.md).
Everything is removed at the end, after a failure too. If that is not possible, it costs about
5 dollars a day until `{command}`."""
CHECKS = [check for *_, checks in parts("test-aws") for check in checks]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks, or clean up; return the exit code."""
    options = _parser().parse_args(arguments)
    profiles = (options.profile_a, options.profile_b)
    try:
        if not all(profiles):
            raise Refused("no AWS profiles; make test-aws PROFILE_A=… PROFILE_B=…")
        run = Run.load(profiles, options.region, options.folder, options.clean)
        environment = run.environment(os.environ)
        os.environ.clear()
        os.environ.update(environment)
        return _clean(run) if options.clean else _test(run, options)
    except Refused as error:
        print(f"test-aws: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"test-aws: AWS: {' '.join(str(error).split())}", file=sys.stderr)
    return USAGE


def _test(run: Run, options: argparse.Namespace) -> int:
    if shutil.which("pulumi") is None:
        raise Refused("no `pulumi` on PATH; https://www.pulumi.com/docs/install/")
    network = {}
    if options.subnets:
        subnets = options.subnets.split(",")
        described = run.a.session.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
        network = {"vpcId": described[0]["VpcId"], "subnetIds": subnets}
    for letter, account in (("A", run.a), ("B", run.b)):
        print(f"account {letter}: {account.id} in {run.region}, as {account.caller}")
    print(f"run {run.id}: names begin with {run.prefix}-, every resource has tag {TAG}={run.tag}")
    print(PRICE.format(command=run.clean_command), flush=True)
    if not _agreed(options.yes):
        print("nothing was created")
        return 1
    return _checked(run, network, options.deployer_b)


def _checked(run: Run, network: Mapping[str, Any], deployer_b: str) -> int:
    from pulumi.automation import CommandError  # takes a second to import

    from tests.live.stacks import Stack, prepare
    from tests.live.world import World

    signals: list[int] = []

    def go_on() -> None:
        """Stop here after a signal: the CLI must end first, or its state lacks what it creates."""
        if signals:
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: signals.append(number))
    world, holds = None, False
    facts = {"run": run.id, "begun": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    run.begin()
    try:
        prepare(run, network, deployer_b)
        a, b = stacks = (Stack(run, "A"), Stack(run, "B"))
        facts["Pulumi"] = a.version
        for stack in stacks:
            stack.up()
            go_on()
        world = World(run, a, b)
        world.upload()
        unchanged = all(stack.changes() == {"same"} for stack in stacks)
        facts["a second preview finds changes"] = "no" if unchanged else "YES"
        for check in CHECKS:
            go_on()
            world.judge(check)
        holds = unchanged and not world.failed
    except CommandError:
        say("a stack did not come up; see above")
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        say("removing everything, whatever is typed")
        if world is not None:
            world.close()
        is_removed = _removed_in_own_session(run)
        failed, asked = (world.failed, world.answers) if world else ([], {})
        counts = f"{len(asked)} of {len(CHECKS)} asked, {len(failed)} failed"
        facts["checks"] = ", ".join([counts, *failed])
        facts["removed"] = "everything" if is_removed else "NOT everything"
        answers = as_json(asked)
        write_private(run.folder / "answers.json", answers.encode())
        write_private(run.folder / "report.md", report(facts, answers).encode())
        say(f"the report is {run.folder / 'report.md'}")
    return 0 if holds and is_removed else 1


def _removed_in_own_session(run: Run) -> bool:
    """Remove everything in a session that Ctrl-C does not reach; True if nothing is left."""
    command = [sys.executable, "-m", "tests.live", "--clean", run.id, "--region", run.region]
    command += ["--profile-a", run.a.profile, "--profile-b", run.b.profile]
    command += ["--folder", str(run.folder.parent)]
    return subprocess.run(command, cwd=ROOT, start_new_session=True, check=False).returncode == 0


def _clean(run: Run) -> int:
    is_recorded = run.is_recorded()
    resources = left_overs.find(run)
    _destroy(run)
    for problem in (problems := left_overs.remove(run)):
        say(f"NOT removed: {problem}")
    where = f"accounts {run.a.id} and {run.b.id}, region {run.region}"
    if not (resources or is_recorded):
        problems.append(f"found nothing of run {run.id} in {where}")
        say(problems[0])
    if problems:
        say(f"to try again: {run.clean_command}")
        return 1
    shutil.rmtree(run.private, ignore_errors=True)
    say(f"nothing of run {run.id} is left in {where}")
    return 0


def _destroy(run: Run) -> None:
    """Destroy the stacks of which the folder has a state, if there is a CLI to do it with."""
    if not (run.private / "account_b" / f"Pulumi.{run.prefix}.yaml").exists():
        return
    if shutil.which("pulumi") is None:
        say("no `pulumi` on PATH: deleting without it, by name and tag")
        return
    from pulumi.automation import CommandError

    from tests.live.stacks import Stack

    for letter in ("B", "A"):
        with suppress(CommandError):  # it has printed why, and left_overs does the rest
            Stack(run, letter).destroy()


def _agreed(yes: str) -> bool:
    if yes:
        return True
    try:
        return input("Type yes to create all of this: ").strip() == "yes"
    except KeyboardInterrupt:
        return False
    except EOFError:
        raise Refused("standard input is no terminal; YES=1 agrees to the price") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    add = parser.add_argument
    add("--profile-a", default="", help="AWS profile of account A, which gets the cluster")
    add("--profile-b", default="", help="AWS profile of account B")
    add("--region", default="", help="region (us-east-2)")
    add("--subnets", default="", help="subnets for the cluster, with commas (default VPC's)")
    add("--deployer-b", default="", help="role that the deployment of account B assumes")
    add("--yes", default="", help="any text: agree to the price without being asked")
    add("--clean", default="", metavar="ID", help="remove what that run has left")
    add("--folder", type=Path, default=FOLDER, help="folder of runs and reports (.live)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
