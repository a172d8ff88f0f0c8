"""The questions of the checks, asked of a run's Pods, of its API server and of STS."""

import asyncio
import base64
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import botocore
import httpx2
import lightkube
from botocore.config import Config
from botocore.exceptions import ClientError
from httpx2.websockets import HTTPXWSException
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, ServiceAccount, ServiceAccountToken

from irsa.identity.arns import session_arn_prefix
from irsa.identity.eks import STS_AUDIENCE, TOKEN_FILE, TOKEN_FILE_VARIABLE
from irsa.identity.quotas import TOKEN_EXPIRATION
from tests.live.answers import FAILED, GRANTED, Answer, Row, answer_of, normalised
from tests.live.checks import Check
from tests.live.run import TAG, Run, say, write_private
from tests.live.stacks import Stack
from tests.support.paths import ROOT

POD_PATIENCE = 300.0  # seconds until a Pod must run; its image is pulled then
PATIENCE = 120.0  # seconds; changes of IAM take that long to reach everywhere
PAUSE = 5.0
OBJECT, CONTENT = "reports/2026/november.csv", "day,visits"
IDENTITY = ("AWS_ACCESS_KEY", "AWS_SECRET", "AWS_SESSION_TOKEN", "AWS_ROLE", "AWS_WEB_IDENTITY")
IDENTITY += ("AWS_CONFIG_FILE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS")
"""Prefixes of the variables that decide who a Pod is, or where STS is."""


def claims_of(token: str) -> dict[str, Any]:
    """Return a token's claims, unverified."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def forged(token: str, subject: str) -> str:
    """Return the token with another subject and the old signature."""
    header, _, signature = token.split(".")
    claims = json.dumps({**claims_of(token), "sub": subject}).encode()
    return f"{header}.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.{signature}"


class World:
    """Both stacks, up, and the answers so far."""

    def __init__(self, run: Run, a: Stack, b: Stack) -> None:
        self.run = run
        self.rows: list[Row] = []
        outputs, of_b = a.outputs(), b.outputs()
        kubeconfig = run.private / "kubeconfig"
        write_private(kubeconfig, outputs["kubeconfig"])
        self._state = run.private / "state.json"
        write_private(self._state, json.dumps(a.state()))
        roles = {"role": "role_arn", "role_a": "role_a_arn", "pattern_role": "pattern_role_arn"}
        arns = {name: outputs[output] for name, output in roles.items()}
        arns["role_b"] = of_b["role_b_arn"]
        sessions = {
            name.replace("role", "session"): session_arn_prefix(arn) for name, arn in arns.items()
        }
        self.names = {
            **arns,
            **sessions,
            "region": run.region,
            "issuer": outputs["issuer_url"],
            "bucket_a": f"{run.prefix}-bucket-s3-app",
            "bucket_b": of_b["bucket"],
            "user": f":user/{run.prefix}-s3-manager",
            "token_file": TOKEN_FILE,
            "object": OBJECT,
            "content": CONTENT,
        }
        config = KubeConfig.from_file(kubeconfig).get()
        self._client = lightkube.Client(config)
        # Before Python 3.14 the synchronous one loses data of a WebSocket's TLS connection.
        self._async = lightkube.AsyncClient(config)
        self._runner = asyncio.Runner()

    def close(self) -> None:
        """Delete the namespaces of `assume`, and close every connection."""
        for each in self._client.list(Namespace, labels={TAG: self.run.id}):
            self._client.delete(Namespace, each.to_dict()["metadata"]["name"])
        self._client.close()
        self._runner.run(self._async.close())
        self._runner.close()

    def upload(self) -> None:
        """Put an object into each bucket, as the account's own profile."""
        for account, bucket in ((self.run.a, "bucket_a"), (self.run.b, "bucket_b")):
            s3 = account.client("s3")
            s3.put_object(Bucket=self.names[bucket], Key=OBJECT, Body=f"{CONTENT}\n".encode())

    def judge(self, check: Check) -> Row:
        """Ask, and ask again while AWS may not have propagated every change."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._ask(**check.question)
            passed = check.holds(answer, self._fill)
            wrongly_granted = answer.code == GRANTED != check.code
            if passed or wrongly_granted or time.monotonic() > deadline:
                break
            say(f"{check.key}: {answer.code}, asking again")
            time.sleep(PAUSE)
        row = Row(check.key, check.title, passed, normalised(answer, self._own_words))
        self.rows.append(row)
        say(f"{check.key}: {'passed' if passed else 'FAILED'}, {answer.code}")
        return row

    def _ask(self, **question: Any) -> Answer:
        match question:
            case {"pod": workload, "command": command, **more}:
                profile = f" --profile {more['profile']}" if more else ""
                return self._in_pod(workload, command + profile)
            case {"environment": workload}:
                return self._environment(workload)
            case {"claims": workload}:
                return self._claims(workload)
            case {"assume": role, **more}:
                return self._assume(self._fill(role), **more)
            case {"deployer": role}:
                sts = self.run.a.client("sts")
                role_arn = self._fill(role)
                return _asked(sts.assume_role, RoleArn=role_arn, RoleSessionName="live")
            case {"verify": workload}:
                return self._verify(workload)
        raise ValueError(f"checks.yaml: no such question: {question}")

    def _fill(self, text: str) -> str:
        return text.format_map(self.names)

    def _name(self, name: str) -> str:
        return f"{self.run.prefix}-{name}"

    def _in_pod(self, workload: str, command: str) -> Answer:
        namespace, words = self._name("dev"), shlex.split(self._fill(command))
        deadline = time.monotonic() + POD_PATIENCE
        while True:
            try:
                pod = self._running(namespace, self._name(workload))
                call = self._async.exec(
                    pod, namespace=namespace, command=words, stdout=True, stderr=True, timeout=120.0
                )
                done = self._runner.run(call)
                return answer_of(done.exit_code, str(done.stdout), str(done.stderr))
            # A Pod that is not there yet, or a node's kubelet that does not answer yet.
            except (LookupError, ApiError, httpx2.HTTPError, HTTPXWSException) as error:
                if time.monotonic() > deadline:
                    return Answer(FAILED, f"{namespace}/{workload}: {error}")
                time.sleep(2)

    def _running(self, namespace: str, workload: str) -> str:
        phases: list[str] = []
        labels = {"app.kubernetes.io/name": workload}
        for pod in self._client.list(Pod, namespace=namespace, labels=labels):
            document = pod.to_dict()
            phases.append(document.get("status", {}).get("phase"))
            if phases[-1] == "Running" and "deletionTimestamp" not in document["metadata"]:
                return document["metadata"]["name"]
        raise LookupError(f"no running Pod, but {phases}")

    def _environment(self, workload: str) -> Answer:
        answer = self._in_pod(workload, "env")
        found = sorted(line for line in answer.text.splitlines() if line.startswith(IDENTITY))
        return Answer(answer.code, "\n".join(found))

    def _claims(self, workload: str) -> Answer:
        """The claims of a Pod's token, which fail the check if they are not its own."""
        answer = self._in_pod(workload, f"sh -c 'cat ${TOKEN_FILE_VARIABLE}'")
        if answer.code != GRANTED:
            return answer
        claims = claims_of(answer.text)
        subject = f"system:serviceaccount:{self._name('dev')}:{self._name(workload)}"
        expected = {"aud": [STS_AUDIENCE], "iss": self.names["issuer"], "sub": subject}
        found = {name: claims[name] for name in expected}
        return Answer(GRANTED if found == expected else FAILED, json.dumps(found, indent=1))

    def _assume(
        self,
        role: str,
        *,
        namespace: str = "dev",
        account: str = "s3-app",
        audience: str = STS_AUDIENCE,
        **forgery: bool,
    ) -> Answer:
        """Assume a role with the token of a service account, which is created if need be."""
        namespace, account = self._name(namespace), self._name(account)
        token = self._token(namespace, account, audience)
        if forgery:
            token = forged(token, f"system:serviceaccount:{namespace}:{self._name('s3-app')}")
        sts = self.run.a.session.client("sts", config=Config(signature_version=botocore.UNSIGNED))
        return _asked(
            sts.assume_role_with_web_identity,
            RoleArn=role,
            RoleSessionName="live",
            WebIdentityToken=token,
        )

    def _token(self, namespace: str, account: str, audience: str) -> str:
        own = {"labels": {TAG: self.run.id}}
        for created in (
            Namespace(metadata=ObjectMeta(name=namespace, **own)),
            ServiceAccount(metadata=ObjectMeta(name=account, namespace=namespace, **own)),
        ):
            try:
                self._client.create(created)
            except ApiError as error:
                if error.status.code != HTTPStatus.CONFLICT:
                    raise
        spec = TokenRequestSpec(audiences=[audience], expirationSeconds=TOKEN_EXPIRATION.start)
        request = ServiceAccountToken(metadata=ObjectMeta(), spec=spec)
        answer = self._client.create(request, account, namespace=namespace).to_dict()
        return answer["status"]["token"]

    def _verify(self, workload: str) -> Answer:
        command = [sys.executable, "-m", "irsa", "verify", "--stack", str(self._state)]
        command += ["--workload", self._name(workload), "--output", "json"]
        command += ["--trusting-profile", self.run.b.profile]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not done.stdout:
            return Answer(FAILED, done.stderr.strip())
        [result] = json.loads(done.stdout)
        links = [f"{link['key']}: {link['status']}" for link in result["links"]]
        return Answer(GRANTED if done.returncode == 0 else FAILED, "\n".join(links))

    @property
    def _own_words(self) -> Mapping[str, str]:
        run = self.run
        return {
            run.a.id: "ACCOUNT_A",
            run.b.id: "ACCOUNT_B",
            run.prefix: "RUN",
            run.region: "REGION",
            run.a.caller: "DEPLOYER_A",
        }


def _asked(call: Callable[..., Any], **arguments: Any) -> Answer:
    """Return STS's answer, without the credentials in it."""
    try:
        granted = call(**arguments)
    except ClientError as error:
        told = error.response["Error"]
        return Answer(told["Code"], " ".join(told["Message"].split()), error.operation_name)
    return Answer(GRANTED, granted["AssumedRoleUser"]["Arn"])
