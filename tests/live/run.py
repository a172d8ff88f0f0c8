"""One live run: its id, two accounts, folder and environment.

Everything that a run creates bears its id, as a tag and, but for the `shared_names`, in its name.
"""

import os
import re
import secrets
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from irsa_core.identity.names import shared_name
from irsa_sandbox.serving.files import write_private
from tests.support.paths import ROOT

FOLDER = ROOT / ".live"
TAG = "irsa-live-run"
_ID = re.compile(r"[a-z2-9]{8}")
_FILES = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"}
"""Variables of AWS that stay; SDKs prefer others to a profile."""

_RETRIES = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "8"}
"""For all clients, as AWS throttles."""

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
        region = region or "us-east-2"
        a, b = (Account.load(profile, region) for profile in profiles)
        if a.id == b.id:
            raise Refused(f"profiles {a.profile!r} and {b.profile!r}: both of account {a.id}; "
                          "give profiles of two accounts")  # fmt: skip
        run_id = run_id or "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(8))
        return cls(run_id, region, a, b, folder.resolve() / run_id)

    @property
    def tag(self) -> str:
        """Value of the tag: id, region and accounts. With others, nothing is the run's."""
        return f"{self.id}/{self.region}/{self.a.id}/{self.b.id}"

    @property
    def clean_command(self) -> str:
        """Command that removes the run."""
        a, b = (shlex.quote(account.profile) for account in (self.a, self.b))
        return f"make test-aws PROFILE_A={a} PROFILE_B={b} REGION={self.region} CLEAN={self.id}"

    def is_recorded(self) -> bool:
        """Return True if its folder is here; raises `Refused` for another region or accounts."""
        record = self.private / TAG
        recorded = record.read_text() if record.exists() else ""
        if recorded not in ("", self.tag):
            raise Refused(f"run {self.id}: REGION and the accounts of PROFILE_A and PROFILE_B are "
                          f"{self.tag}; give those of {recorded}")  # fmt: skip
        return recorded != ""

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
        foreign = {name for name in caller if name.startswith(("AWS_", "KUBECONFIG"))} - _FILES
        kept = {name: value for name, value in caller.items() if name not in foreign}
        # With the AWS CLI, for the kubeconfig's tokens.
        path = [kept.get("PATH", os.defpath), str(Path(sys.executable).parent)]
        own = {"AWS_PROFILE": self.a.profile, "KUBECONFIG": str(self.private / "kubeconfig")}
        region = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), self.region)
        return {**kept, **_RETRIES, **own, **region, "PATH": os.pathsep.join(path)}

    def begin(self) -> None:
        """Create the run's folder, for its owner alone."""
        self.folder.mkdir(mode=0o700, parents=True)
        (self.private / "state").mkdir(parents=True)
        write_private(self.private / "passphrase", secrets.token_urlsafe(24).encode())
        write_private(self.private / TAG, self.tag.encode())
