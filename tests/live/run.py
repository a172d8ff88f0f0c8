"""One live run: its id, two accounts, folder and environment.

Everything that a run creates bears its id, as a tag and, but for the `shared_names`, in its name.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from irsa_core.identity.names import shared_name
from irsa_sandbox.serving.files import write_private
from tests.support.paths import ROOT
from tests.support.processes import ran

FOLDER = ROOT / ".live"
TAG = "irsa-live-run"
PLACE_TAG = "irsa-live-place"
"""Tag with region and account ids; roles are global, so it is found in every region."""

DEFAULT_REGION = "us-east-1"
_ID = re.compile(r"[a-z2-9]{8}")
_IDENTITY = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|PROFILE|DEFAULT_PROFILE"
    r"|ROLE_ARN|ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE|CONTAINER_\w+)|KUBECONFIG"
)
"""Variables that most SDKs would prefer to a profile."""

_started = time.monotonic()


class Refused(Exception):
    """Reason for which nothing is done, in one line."""


def say(text: str) -> None:
    """Print a line of progress."""
    minutes, seconds = divmod(int(time.monotonic() - _started), 60)
    print(f"[{minutes:2}:{seconds:02}] {text.rstrip()}", flush=True)


@dataclass(frozen=True)
class Account:
    """An AWS account and the profile that reaches it."""

    profile: str
    id: str
    caller: str
    """ARN of the profile's identity."""

    session: Any = field(repr=False)

    @classmethod
    def load(cls, profile: str, region: str) -> "Account":
        """Return the account of a profile. Raises `Refused` without working credentials."""
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            caller = session.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise Refused(f"profile {profile!r}: {' '.join(str(error).split())}") from error
        return cls(profile, caller["Account"], caller["Arn"], session)

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client that retries when AWS throttles."""
        retries = Config(retries={"mode": "standard", "max_attempts": 8})
        return self.session.client(service, config=retries, region_name=region)

    @cached_property
    def eks_by_region(self) -> dict[str, Any]:
        """Client of EKS in each enabled region; None where it may not list clusters."""
        names = [each["RegionName"] for each in self.client("ec2").describe_regions()["Regions"]]
        clients: dict[str, Any] = {name: self.client("eks", name) for name in names}
        for name, eks in clients.items():
            try:
                eks.list_clusters(maxResults=1)
            except ClientError:
                clients[name] = None
        return clients


@dataclass(frozen=True)
class Run:
    """A new run, or an earlier one."""

    id: str
    region: str
    a: Account
    b: Account
    folder: Path

    @classmethod
    def load(cls, profiles: tuple[str, str], region: str, folder: Path, run_id: str = "") -> "Run":
        """Return the run of that id, or a new one. Creates nothing; raises `Refused`."""
        if run_id and not _ID.fullmatch(run_id):
            raise Refused(f"run {run_id!r}: not 8 lowercase letters and digits; copy it from .live")
        record = folder.resolve() / run_id / "private" / PLACE_TAG
        recorded = record.read_text().partition("/")[0] if run_id and record.exists() else ""
        if region and recorded and region != recorded:
            raise Refused(f"run {run_id}: its region is {recorded}, not {region}; "
                          f"give REGION={recorded}")  # fmt: skip
        region = recorded or region or DEFAULT_REGION
        a, b = (Account.load(profile, region) for profile in profiles)
        if a.id == b.id:
            raise Refused(f"profiles {a.profile!r} and {b.profile!r}: both of account {a.id}; "
                          "give profiles of two accounts")  # fmt: skip
        run_id = run_id or "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(8))
        return cls(run_id, region, a, b, folder.resolve() / run_id)

    @property
    def place(self) -> str:
        """Region and accounts, which `load` and `check` compare with the record and the tags."""
        return f"{self.region}/{self.a.id}/{self.b.id}"

    def check(self, place: str) -> None:
        """Raise `Refused` if the profiles are of other accounts than the run's."""
        _, a, b = place.split("/")
        if (a, b) != (self.a.id, self.b.id):
            raise Refused(
                f"run {self.id}: its accounts are A {a} and B {b}, "
                f"profiles {self.a.profile!r} and {self.b.profile!r} are of {self.a.id} and "
                f"{self.b.id}; give PROFILE_A and PROFILE_B of the run's accounts"
            )

    @property
    def clean_command(self) -> str:
        """Command that removes the run."""
        a, b = (shlex.quote(account.profile) for account in (self.a, self.b))
        return f"make test-aws PROFILE_A={a} PROFILE_B={b} REGION={self.region} CLEAN={self.id}"

    def check_locks(self) -> None:
        """Raise `Refused` if a process that may still run has locked a stack."""
        for file in (self.private / "state").glob(".pulumi/locks/**/*.json"):
            lock = json.loads(file.read_text())
            if lock["hostname"] != socket.gethostname() or _runs(lock["pid"]):
                raise Refused(
                    f"run {self.id}: process {lock['pid']} on {lock['hostname']} is changing a "
                    f"stack; stop it there, or if it has ended, delete {file}"
                )

    @property
    def prefix(self) -> str:
        """Name of the run's stacks and cluster, and beginning of the names that Pulumi makes."""
        return f"irsa-live-{self.id}"

    @property
    def shared_names(self) -> tuple[str, str]:
        """Names of role B and its bucket, which account A's stack makes of its own name."""
        stack = f"organization/irsa/{self.prefix}"
        return shared_name("s3-app-B", stack), shared_name("s3-app-b", stack, self.b.id)

    @property
    def private(self) -> Path:
        """Folder of state, passphrase and kubeconfig, needed until everything is removed."""
        return self.folder / "private"

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """Return the caller's environment with account A's profile as the only identity."""
        kept = {name: value for name, value in caller.items() if not _IDENTITY.fullmatch(name)}
        # With the AWS CLI, for the kubeconfig's tokens.
        path = [kept.get("PATH", os.defpath), str(Path(sys.executable).parent)]
        own = {"AWS_PROFILE": self.a.profile, "KUBECONFIG": str(self.private / "kubeconfig")}
        region = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), self.region)
        return {**kept, **own, **region, "PATH": os.pathsep.join(path)}

    def begin(self) -> None:
        """Create the run's folder, for its owner alone."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700)
        (self.private / "state").mkdir(mode=0o700, parents=True)
        write_private(self.private / "passphrase", secrets.token_urlsafe(24).encode())
        write_private(self.private / PLACE_TAG, self.place.encode())

    def forget(self) -> None:
        """Delete everything but the report."""
        shutil.rmtree(self.private, ignore_errors=True)


def _runs(pid: int) -> bool:
    state = ran("ps", "-o", "stat=", "-p", pid).stdout
    return state.strip() != "" and not state.startswith("Z")


# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
_WITHOUT_EKS = {"use1-az3", "usw1-az2", "cac1-az3"}
"""Availability zones in which EKS creates no control plane."""


def subnets_of(run: Run, subnet_ids: Sequence[str]) -> tuple[str, list[str]]:
    """Return VPC and subnets of the cluster: those given, or two public ones of the default VPC.

    Raises `Refused` when there are none; nodes in public subnets need no NAT gateway.
    """
    ec2 = run.a.client("ec2")
    if subnet_ids:
        subnets = ec2.describe_subnets(SubnetIds=list(subnet_ids))["Subnets"]
        return subnets[0]["VpcId"], list(subnet_ids)
    public = [e for e in ec2.describe_subnets()["Subnets"] if e["MapPublicIpOnLaunch"]]
    subnets = [subnet for subnet in public if subnet["DefaultForAz"]]
    subnets = [subnet for subnet in subnets if subnet.get("AvailabilityZoneId") not in _WITHOUT_EKS]
    if len(subnets) < 2:
        raise Refused(
            f"account {run.a.id}: no default VPC in {run.region} with public subnets in two zones; "
            "give SUBNETS=subnet-…,subnet-… of one VPC that reaches the internet"
        )
    subnets.sort(key=lambda subnet: subnet["AvailabilityZone"])
    return subnets[0]["VpcId"], [subnet["SubnetId"] for subnet in subnets[:2]]
