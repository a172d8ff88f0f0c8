"""One live run: its id, its two accounts, its folder, and the environment that it works in.

Everything that a run makes bears its id: in its name, and as a tag of every AWS resource.
"""

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.paths import ROOT

FOLDER = ROOT / ".live"
TAG = "irsa-live-run"
ID_LENGTH = 8
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_ID = re.compile(rf"[{_ALPHABET}]{{{ID_LENGTH}}}")

_IDENTITY = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|PROFILE|DEFAULT_PROFILE"
    r"|ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE|CONTAINER_\w+)|KUBECONFIG"
)
"""Variables that say who somebody is: most SDKs would prefer them to a profile."""

_started = time.monotonic()


class Refused(Exception):
    """Why nothing is done, in one line for people."""


def say(text: str) -> None:
    """Show a line of progress."""
    minutes, seconds = divmod(int(time.monotonic() - _started), 60)
    print(f"[{minutes:2}:{seconds:02}] {text.rstrip()}", flush=True)


@dataclass(frozen=True)
class Account:
    """An AWS account, as one profile reaches it."""

    profile: str
    id: str
    caller: str
    """ARN of whoever the profile is."""

    session: Any = field(repr=False)

    @classmethod
    def of(cls, profile: str, region: str) -> "Account":
        """The account of a profile. Raises `Refused` when it has no credentials that work."""
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            caller = session.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise Refused(f"profile {profile!r}: {' '.join(str(error).split())}") from error
        return cls(profile, caller["Account"], caller["Arn"], session)

    def client(self, service: str) -> Any:
        """A boto3 client that tries again when AWS is busy."""
        again = Config(retries={"mode": "standard", "max_attempts": 8})
        return self.session.client(service, config=again)


@dataclass(frozen=True)
class Run:
    """A run, new or of earlier."""

    id: str
    region: str
    a: Account
    b: Account
    folder: Path

    @classmethod
    def of(
        cls, profiles: tuple[str, str], region: str, *, folder: Path = FOLDER, run_id: str = ""
    ) -> "Run":
        """The run of that id, or a new one. Makes nothing; raises `Refused`."""
        if run_id and not _ID.fullmatch(run_id):
            raise Refused(f"{run_id!r} is not a run's id, which is {ID_LENGTH} of {_ALPHABET}")
        a, b = (Account.of(profile, region) for profile in profiles)
        if a.id == b.id:
            raise Refused(
                f"profiles {a.profile!r} and {b.profile!r} are both of account {a.id}; the chain "
                "goes from one account to another: give profiles of two"
            )
        run_id = run_id or "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))
        return cls(run_id, region, a, b, folder.resolve() / run_id)

    @property
    def prefix(self) -> str:
        """How the name of everything begins that this run makes; also the stacks' name."""
        return f"irsa-live-{self.id}"

    @property
    def accounts(self) -> tuple[Account, Account]:
        """A and B."""
        return self.a, self.b

    @property
    def private(self) -> Path:
        """What is needed as long as something is there: state, passphrase, kubeconfig."""
        return self.folder / "private"

    @property
    def kubeconfig(self) -> Path:
        """Where the cluster is."""
        return self.private / "kubeconfig"

    def name(self, of_example: str) -> str:
        """What this run calls something of the example."""
        return f"{self.prefix}-{of_example}"

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """The environment of whoever started this, as account A's profile and nobody else."""
        kept = {name: value for name, value in caller.items() if not _IDENTITY.fullmatch(name)}
        programs = [kept.get("PATH", os.defpath), str(Path(sys.executable).parent)]
        return {
            **kept,
            "AWS_PROFILE": self.a.profile,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "KUBECONFIG": str(self.kubeconfig),
            # The AWS CLI, for the kubeconfig's tokens, if there is none on PATH.
            "PATH": os.pathsep.join(programs),
        }

    def begin(self) -> None:
        """Make the run's folder, for its owner alone."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700)
        (self.private / "state").mkdir(mode=0o700, parents=True)
        write_private(self.private / "passphrase", secrets.token_urlsafe(24))

    def forget(self) -> None:
        """Remove what was needed as long as something was there; reports stay."""
        shutil.rmtree(self.private, ignore_errors=True)


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    unfinished.replace(file)


# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
_WITHOUT_EKS = {"use1-az3", "usw1-az2", "cac1-az3"}
"""Availability zones in which EKS makes no control plane."""


def subnets_of(run: Run, given: Sequence[str]) -> list[str]:
    """The subnets for the cluster: those given, or two of account A's default VPC.

    Raises `Refused` when it has none; nodes in public subnets need no NAT gateway.
    """
    if given:
        return list(given)
    ec2 = run.a.client("ec2")
    vpcs = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["IsDefault"]]
    by_zone = {
        subnet["AvailabilityZone"]: subnet["SubnetId"]
        for subnet in ec2.describe_subnets()["Subnets"]
        if subnet["VpcId"] in vpcs
        and subnet["MapPublicIpOnLaunch"]
        and subnet.get("AvailabilityZoneId") not in _WITHOUT_EKS
    }
    chosen = [by_zone[zone] for zone in sorted(by_zone)][:2]
    if len(chosen) < 2:
        raise Refused(
            f"account {run.a.id} has no default VPC in {run.region} with public subnets in two "
            "availability zones; give SUBNETS=subnet-…,subnet-… of one VPC, with a way to the "
            "internet"
        )
    return chosen
