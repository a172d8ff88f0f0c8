"""The systems of a run on AWS: its Pods, its API server, STS, and `irsa verify`."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import lightkube
from httpx2.websockets import HTTPXWSException
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Namespace

from irsa_core.identity.eks import ROLE_ARN_VARIABLE, STS_AUDIENCE, TOKEN_FILE_VARIABLE
from irsa_sandbox.demo import checks
from irsa_sandbox.environment_variables import NO_AWS_FILES
from irsa_sandbox.pods.exec import find_pod
from irsa_sandbox.serving.files import write_private
from irsa_sandbox.session import Done, new_token
from tests.live.answers import Answer, answer_of, normalised
from tests.live.run import TAG, Run, say
from tests.live.stacks import Stack
from tests.support.paths import ROOT
from tests.support.processes import ran

POD_PATIENCE = 300.0  # seconds until a Pod must run; its image is pulled then
PATIENCE = 120.0  # seconds; changes of IAM take that long to reach everywhere
PAUSE = 5.0


class World:
    """Both stacks, up, and the answers so far."""

    def __init__(self, run: Run, a: Stack, b: Stack) -> None:
        self.run = run
        self.answers: dict[str, Answer] = {}
        self.failed: list[str] = []
        outputs, of_b = a.outputs(), b.outputs()
        kubeconfig = run.private / "kubeconfig"
        write_private(kubeconfig, outputs["kubeconfig"].encode())
        self._state = run.private / "state.json"
        write_private(self._state, json.dumps(a.state()).encode())
        self.names: Mapping[str, str] = checks.names_of(
            outputs,
            {"role_b": of_b["role_b_arn"]},
            bucket_b=of_b["bucket"],
            region=run.region,
            user=f"{run.prefix}-s3-manager",
        )
        config = KubeConfig.from_file(kubeconfig).get()
        self._client = lightkube.Client(config)
        # Before Python 3.14 the synchronous one loses data of a WebSocket's TLS connection.
        self._async = lightkube.AsyncClient(config)
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Delete the namespaces that checks have created, and close every connection."""
        for each in self._client.list(Namespace, labels={TAG: self.run.id}):
            self._client.delete(Namespace, each.to_dict()["metadata"]["name"])
        self._client.close()
        self._runner.run(self._async.close())
        self._runner.close()

    def upload(self) -> None:
        """Put an object into each bucket, as the account's own profile."""
        for of, bucket, key, content in (
            (self.run.a, "bucket_a", checks.OBJECT_A, checks.CONTENT_A),
            (self.run.b, "bucket_b", checks.OBJECT_B, checks.CONTENT_B),
        ):
            of.session.client("s3").put_object(Bucket=self.names[bucket], Key=key, Body=content)

    def judge(self, check: checks.SystemCheck) -> None:
        """Ask, and ask again while AWS may not have propagated every change."""
        deadline = time.monotonic() + PATIENCE
        while True:
            done = check.ask(self)
            passed = check.holds(done, self)
            answer = answer_of(done)
            if "claims_of" in check.question and not done.code:
                claims = json.loads(done.output)
                told = {name: claims[name] for name in ("aud", "iss", "sub")}
                answer = answer_of(Done(0, json.dumps(told, indent=1)))
            wrongly_granted = check.code is not None and done.code == 0
            if passed or wrongly_granted or time.monotonic() > deadline:
                break
            say(f"{check.key}: {answer.code}, asking again")
            time.sleep(PAUSE)
        shown = answer._replace(text=normalised(answer.text, self._own_words))
        self.answers[check.key] = shown
        self.failed += [] if passed else [check.key]
        say(f"{check.key}: {'passed' if passed else 'FAILED'}, {answer.code}")

    def in_pod(self, namespace: str, workload: str, command: Sequence[str]) -> Done:
        """Run a command in a workload's Pod, which may have to start first."""
        deadline = time.monotonic() + POD_PATIENCE
        while True:
            try:
                pod = find_pod(self._client, namespace, workload)["metadata"]["name"]
                both = {"stdout": True, "stderr": True, "timeout": 120.0}
                call = self._async.exec(pod, namespace=namespace, command=command, **both)
                done = self._runner.run(call)
                return Done(done.exit_code, f"{done.stdout}{done.stderr}")
            # A Pod that is not there yet, or a node's kubelet that does not answer yet.
            except (LookupError, ApiError, httpx2.HTTPError, HTTPXWSException) as error:
                if time.monotonic() > deadline:
                    return Done(1, f"{namespace}/{workload}: {error}")
                time.sleep(2)

    def as_administrator(self, command: Sequence[str]) -> Done:
        """Run an AWS command as account A's profile, which has deployed it."""
        return self._run(command)

    def token(self, namespace: str, name: str, audience: str = STS_AUDIENCE) -> str:
        """Return a token of a service account, which is created unless it exists."""
        return new_token(self._client, namespace, name, audience, {TAG: self.run.id})

    def assume(self, token: str, role: str, command: Sequence[str]) -> Done:
        """Run an AWS command with a service account's token and a role."""
        # In a home of its own: the CLI keeps sessions by role there, of any token.
        with tempfile.TemporaryDirectory(dir=self.run.private) as home:  # mode 0700
            file = Path(home) / "token"
            file.write_text(token)
            own = {ROLE_ARN_VARIABLE: role, TOKEN_FILE_VARIABLE: str(file), "HOME": home}
            environment = {**os.environ, **NO_AWS_FILES, **own}
            del environment["AWS_PROFILE"]
            return self._run(command, environment)

    def ask(self, question: Mapping[str, Any]) -> Done:
        """Run `irsa verify` of a workload; return the links and their states."""
        _, name = checks.account(question["verify"])
        command = [sys.executable, "-m", "irsa", "verify", "--stack", str(self._state)]
        command += ["--workload", name, "--output", "json"]
        done = self._run([*command, "--trusting-profile", self.run.b.profile])
        if not done.output.startswith("{"):
            return done
        answer, _ = json.JSONDecoder().raw_decode(done.output)
        if "problem" in answer:
            return Done(done.code, answer["problem"])
        [result] = answer["chains"]
        links = [f"{link['link']}: {link['status']}" for link in result["links"]]
        return Done(done.code, "\n".join(links))

    def _run(self, command: Sequence[str], env: Mapping[str, str] = os.environ) -> Done:
        done = ran(*command, cwd=ROOT, env=env)
        return Done(done.returncode, done.stdout + done.stderr)

    @property
    def _own_words(self) -> Mapping[str, str]:
        run = self.run
        own = {run.a.id: "ACCOUNT_A", run.b.id: "ACCOUNT_B", run.a.caller: "DEPLOYER_A"}
        shared = dict(zip(run.shared_names, ("ROLE_B", "BUCKET_B"), strict=True))
        return {**own, **shared, run.prefix: "RUN", run.region: "REGION"}
