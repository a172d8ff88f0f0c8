"""A run's two stacks, up, and the checks asked of them."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import botocore
from botocore.config import Config
from botocore.exceptions import ClientError

from irsa.identity.arns import session_arn_prefix
from irsa.identity.eks import STS_AUDIENCE, check_env_name
from tests.live import checks
from tests.live.answers import FAILED, GRANTED, Answer, Row, answer_of, normalised
from tests.live.checks import CHAIN, CONTENT, IRSA, OBJECT, Check
from tests.live.cluster import Cluster
from tests.live.run import Run, say, write_private
from tests.live.stacks import Stack
from tests.support.paths import ROOT

PATIENCE = 120.0  # seconds; changes of IAM take that long to reach everywhere
PAUSE = 5.0
ROLE_B_SESSION = "live"


class TrustContext:
    """Implements `checks.TrustContext`, and keeps what was answered."""

    def __init__(self, run: Run, account_a: Stack, account_b: Stack) -> None:
        self.run = run
        self.rows: list[Row] = []
        self._a, self._b = account_a.outputs(), account_b.outputs()
        write_private(run.kubeconfig, self._a["kubeconfig"])
        self._stack_file = run.private / "outputs.json"
        write_private(self._stack_file, json.dumps(self._a))
        self.cluster = Cluster(run.kubeconfig, run.id)

    @cached_property
    def names(self) -> dict[str, str]:
        """What the checks fill in."""
        of_a, of_b = self._a["workloads"], self._b["workloads"]
        name = self.run.name
        role, role_a = of_a[name(IRSA)]["role_arn"], of_a[name(CHAIN)]["role_arn"]
        role_b = of_b[name(CHAIN)]["role_arn"]
        pattern_role = of_a[name("crossplane-aws-provider")]["role_arn"]
        return {
            "prefix": self.run.prefix,
            "region": self.run.region,
            "issuer": self._a["issuer_url"],
            "bucket_a": of_a[name(IRSA)]["bucket"],
            "bucket_b": of_b[name(CHAIN)]["bucket"],
            "user": f":user/{name('s3-manager')}",
            "role": role,
            "session": session_arn_prefix(role),
            "role_a": role_a,
            "session_a": session_arn_prefix(role_a),
            "role_b": role_b,
            "session_b": session_arn_prefix(role_b),
            "pattern_role": pattern_role,
            "pattern_session": session_arn_prefix(pattern_role),
        }

    def fill(self, text: str) -> str:
        """The text with this run's names."""
        return text.format_map(self.names)

    def upload(self) -> None:
        """Put an object into each bucket, as the account's own profile."""
        for account, bucket in zip(self.run.accounts, ("bucket_a", "bucket_b"), strict=True):
            name = self.names[bucket]
            account.client("s3").put_object(Bucket=name, Key=OBJECT, Body=f"{CONTENT}\n".encode())
            say(f"uploaded s3://{name}/{OBJECT} as {account.caller}")

    def judge(self, check: Check) -> Row:
        """Ask once, and again as long as AWS may not have heard of everything yet."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = check.ask(self)
            passed = check.holds(answer, self.fill)
            # What must be refused and is granted will not get better.
            hopeless = answer.code == GRANTED != check.code
            if passed or hopeless or time.monotonic() > deadline:
                break
            say(f"{check.key}: {answer.code}, asking again")
            time.sleep(PAUSE)
        row = Row(check.key, check.title, passed, normalised(answer, self._own_words))
        self.rows.append(row)
        return row

    def in_pod(self, workload: str, command: str) -> Answer:
        """See `checks.TrustContext`."""
        words = shlex.split(self.fill(command))
        namespace = self.fill(checks.NAMESPACE)
        try:
            return answer_of(*self.cluster.in_pod(namespace, self.run.name(workload), words))
        except TimeoutError as error:
            return Answer(FAILED, str(error))

    def environment(self, workload: str) -> Answer:
        """See `checks.TrustContext`."""
        answer = self.in_pod(workload, "env")
        variables = dict(line.split("=", 1) for line in answer.text.splitlines() if "=" in line)
        told = {name: variables[name] for name in sorted(variables) if _tells_who(name)}
        if "AWS_SECRET_ACCESS_KEY" in told:
            told["AWS_SECRET_ACCESS_KEY"] = "SECRET"
        return Answer(answer.code, "\n".join(f"{name}={value}" for name, value in told.items()))

    def assume(
        self, role: str, namespace: str, account: str, change: Callable[[str], str], audience: str
    ) -> Answer:
        """See `checks.TrustContext`."""
        namespace, account = self.fill(namespace), self.fill(account)
        self.cluster.service_account(namespace, account)
        token = change(self.cluster.token(namespace, account, audience or STS_AUDIENCE))
        sts = self.run.a.session.client("sts", config=Config(signature_version=botocore.UNSIGNED))
        return _asked(
            sts.assume_role_with_web_identity,
            RoleArn=self.fill(role),
            RoleSessionName=ROLE_B_SESSION,
            WebIdentityToken=token,
        )

    def deployer_becomes_b(self) -> Answer:
        """See `checks.TrustContext`."""
        sts = self.run.a.client("sts")
        return _asked(sts.assume_role, RoleArn=self.names["role_b"], RoleSessionName=ROLE_B_SESSION)

    def verify(self, workload: str) -> Answer:
        """See `checks.TrustContext`."""
        command = [sys.executable, "-m", "irsa", "verify", "--stack", str(self._stack_file)]
        command += ["--workload", self.run.name(workload), "--output", "json"]
        command += ["--trusting-profile", self.run.b.profile]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not done.stdout:
            return Answer(FAILED, done.stderr.strip())
        [result] = json.loads(done.stdout)
        links = [f"{link['key']}: {link['status']}" for link in result["links"]]
        return Answer(GRANTED if done.returncode == 0 else FAILED, "\n".join(links))

    @cached_property
    def _own_words(self) -> Mapping[str, str]:
        """What differs from run to run, and what to call it."""
        run = self.run
        return {
            run.a.id: "ACCOUNT_A",
            run.b.id: "ACCOUNT_B",
            run.prefix: "RUN",
            run.region: "REGION",
            run.a.caller: "DEPLOYER_A",
        }


def _asked(call: Callable[..., Any], **arguments: Any) -> Answer:
    """What STS answers; never the credentials that it gives."""
    try:
        granted = call(**arguments)
    except ClientError as error:
        told = error.response["Error"]
        return Answer(told["Code"], " ".join(told["Message"].split()), error.operation_name)
    return Answer(GRANTED, granted["AssumedRoleUser"]["Arn"])


def _tells_who(name: str) -> bool:
    """Whether a variable decides about AWS credentials, as the components see it, or the region."""
    try:
        check_env_name(name)
    except ValueError:
        return True
    return name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS")
