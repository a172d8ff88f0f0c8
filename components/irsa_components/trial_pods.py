"""Trial Pods: what admission makes of Pods of a template now, by dry runs that create none.

EKS tells its webhook of an association some seconds after the call that creates it, and a Pod that
is created meanwhile never gets the credentials.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html

It needs one request, so the standard library sends it: a client of Kubernetes would be three
packages more for every program.
"""

import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

import yaml

from irsa_core import polling
from irsa_core.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa_core.identity.injection import missing, without_agent
from irsa_core.identity.policy_json import Json

from .values import ServiceAccount

T = TypeVar("T")

REQUEST_TIMEOUT = 10.0  # seconds
RETRIED = (429, 500, 503, 504)
"""Status codes of an API server that is busy, or whose webhook does not answer."""


class TrialError(Exception):
    """Pods cannot be tried, or stay without credentials: the end of a sentence that they begin."""


def wait_for_credentials(
    kubeconfig: str,
    account: ServiceAccount,
    template: Json,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Raise `TrialError` if Pods of the template do not get an association's credentials in time,
    or cannot be tried.

    That the next five are right does not prove that every later one is.
    """
    cluster, user = read(kubeconfig)
    try:
        # Its command runs once: it takes longer than the trials.
        post = _within(polling.TIMEOUT, partial(api_server, cluster, user))
    except Exception as error:  # noqa: BLE001 - a kubeconfig may be wrong in any way
        raise _unusable(error) from None
    problem = partial(_problem, post, account.namespace, template)
    if text := polling.until_in_a_row(problem, pause):
        named = f"--namespace {account.namespace} --service-account {account.name}"
        raise TrialError(f"{text}; run `irsa verify {named}`")


def read(kubeconfig: str) -> tuple[Json, Json]:
    """Return cluster and user of a kubeconfig's current context. Raises `TrialError`, also if the
    user's command, such as `aws`, is not installed."""
    try:
        config = yaml.safe_load(kubeconfig)

        def entry(kind: str, name: str) -> Json:
            return {item["name"]: item[kind] for item in config[f"{kind}s"]}[name]

        context = entry("context", config["current-context"])
        cluster, user = entry("cluster", context["cluster"]), entry("user", context["user"])
    except Exception as error:  # noqa: BLE001 - a kubeconfig may be wrong in any way
        raise _unusable(error) from None
    command = (user.get("exec") or {}).get("command")
    if command and shutil.which(command) is None:
        raise TrialError(
            f"cannot be tried: the kubeconfig runs {command!r}, which is not on PATH; install it, "
            "or leave out `kubeconfig` for no wait"
        )
    return cluster, user


def api_server(cluster: Json, user: Json) -> Callable[[str, Json], Json]:
    """Return a function that posts a document to a path of the API server of a kubeconfig's cluster
    and user; runs the user's command.

    https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
    """
    server, ca = cluster["server"].rstrip("/"), cluster.get("certificate-authority-data")
    tls = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"), cadata=ca and b64decode(ca).decode()
    )
    # Python sets it since 3.13, and the authorities of EKS's clusters lack a key identifier:
    # https://github.com/kubernetes-client/python/issues/2394
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with tempfile.TemporaryDirectory() as folder:  # `ssl` reads no text
        chain: Json = {key: user.get(key) for key in ("client-certificate", "client-key")}
        for key in chain:
            if data := user.get(f"{key}-data"):
                chain[key] = Path(folder, key)
                chain[key].write_bytes(b64decode(data))
        if chain["client-certificate"]:
            tls.load_cert_chain(*chain.values())
    # Neither files nor redirects, which would have the credentials sent to another server.
    opener, https = OpenerDirector(), HTTPSHandler(context=tls)
    for kind in (ProxyHandler, HTTPHandler, HTTPErrorProcessor, HTTPDefaultErrorHandler):
        opener.add_handler(kind())
    opener.add_handler(https)
    headers, token = {"Content-Type": "application/json"}, _token(user)
    if token:
        headers["Authorization"] = f"Bearer {token}"

    def post(path: str, document: Json) -> Json:
        # Each has a connection of its own.
        data = json.dumps(document).encode()
        request = Request(f"{server}{path}", data, headers)  # noqa: S310 - the user's own kubeconfig
        try:
            with opener.open(request, timeout=REQUEST_TIMEOUT) as answer:
                return json.load(answer)
        except HTTPError as error:
            error.msg = f"{error.code} {error.reason}"  # of a proxy
            # The API server's words are read with the answer, in the time that the caller gives.
            with suppress(OSError, ValueError, LookupError, TypeError):
                error.msg = json.load(error)["message"]
            raise

    return post


def _token(user: Json) -> str | None:
    if file := user.get("tokenFile"):
        return Path(file).read_text().strip()
    command = user.get("exec")
    if command and not user.get("token"):
        words = [command["command"], *(command.get("args") or ())]
        env = {item["name"]: item["value"] for item in command.get("env") or ()}
        ran = subprocess.run(
            words, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise ValueError(f"{words[0]} returned {ran.returncode}: {ran.stderr}")
        return json.loads(ran.stdout)["status"]["token"]
    return user.get("token")


def _unusable(error: Exception) -> TrialError:
    text = " ".join(str(error).split())
    return TrialError(
        f"cannot be tried: the kubeconfig cannot be used ({type(error).__name__}: {text}); give "
        "the text of the cluster's, or leave it out for no wait"
    )


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Return the result of a call that may never end; raises TimeoutError and leaves it then."""
    result = Future[T]()

    def run() -> None:
        try:
            result.set_result(call())
        except Exception as error:  # noqa: BLE001 - raised below
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError:
        raise TimeoutError(f"no end after {seconds:.0f} s") from None


def _problem(post: Callable[[str, Json], Json], namespace: str, template: Json) -> str:
    """Return what keeps the containers of a Pod of the template from the credentials."""
    metadata: Json = {**(template.get("metadata") or {}), "generateName": "irsa-trial-"}
    trial = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    try:
        # The connection's own time-out begins anew at each byte.
        path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
        pod = _within(2 * REQUEST_TIMEOUT, partial(post, path, trial))
    except HTTPError as error:
        if error.code in RETRIED:
            return f"cannot be tried: the API server answered: {error.reason}"
        raise TrialError(  # the deployer, a quota, or a policy's webhook
            f"cannot be tried: a dry run was refused: {error.reason}; give the deployer `create` "
            "on pods, or fix what the message names; without `kubeconfig` there is no trial"
        ) from None
    except (HTTPException, OSError, ValueError) as error:
        return f"cannot be tried: the API server did not answer: {error!r}"
    if place := without_agent(pod["spec"], pod["metadata"].get("labels") or {}):
        raise TrialError(
            f"run on {place}, where no EKS Pod Identity Agent answers; use IRSA: give role_arn "
            "instead of pod_identity, and remove the association"
        )
    instead = missing(pod, CREDENTIALS_URI_VARIABLE)
    return instead and f"would start without the credentials of EKS Pod Identity: {instead}"
