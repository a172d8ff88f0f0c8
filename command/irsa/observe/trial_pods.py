"""Trial Pods: what admission makes of Pods of a template now, by dry runs that create none.

EKS tells its webhook of an association some seconds after the call that creates it, and a Pod that
is created meanwhile never gets the credentials.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
"""

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa.identity.injection import missing, without_agent
from irsa.identity.policy_json import Json
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.errors import CollectError, one_line

if TYPE_CHECKING:
    import httpx2
    from lightkube.config.kubeconfig import SingleConfig

# At run time httpx2 and lightkube are imported when they are first needed: they take 0.3 s.

T = TypeVar("T")

IN_A_ROW: Final = 5
"""Trial Pods with credentials before Pods are created. Each is a new connection: EKS has two API
servers or more, and each asks a webhook of its own."""
PAUSE = 0.5
TIMEOUT = 60.0
"""Seconds between two trial Pods, and until a wait for their credentials fails."""
REQUEST_TIMEOUT = 10.0  # seconds
RETRIED = (429, 500, 503, 504)
"""Status codes of an API server that is busy, or whose webhook does not answer."""

_one_at_a_time = threading.Lock()
"""msgspec, of lightkube's models, crashes the process if two threads first use one of them."""


def until_in_a_row(
    problem: Callable[[], str], pause: Callable[[float], object] = time.sleep
) -> str:
    """Return the empty text once ``problem`` has been that several times in a row, or after a
    minute the last one, with that time. ``pause`` waits for some seconds; a true result ends it."""
    deadline, in_a_row = time.monotonic() + TIMEOUT, 0
    while in_a_row < IN_A_ROW:
        text = problem()
        in_a_row = 0 if text else in_a_row + 1
        if text and time.monotonic() > deadline:
            return f"{text}, after {TIMEOUT:.0f} s"
        if text and pause(PAUSE):
            break
    return ""


def wait_for_credentials(
    kubeconfig: str,
    account: ServiceAccountRef,
    template: Json,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Raise `CollectError` if Pods of the template do not get an association's credentials in time,
    or cannot be tried; its text continues a sentence that begins with the Pods.

    That the next five are right does not prove that every later one is.
    """
    config = _authenticated(_read(kubeconfig))
    if problem := until_in_a_row(partial(_problem, config, account.namespace, template), pause):
        namespace, name = account
        raise CollectError(
            f"{problem}; run `irsa verify --namespace {namespace} --service-account {name}`"
        )


def check_command(kubeconfig: str) -> None:
    """Raise `CollectError` if the kubeconfig's command, such as `aws`, is not installed."""
    _check_command(_read(kubeconfig))


def _read(kubeconfig: str) -> "SingleConfig":
    import yaml
    from lightkube import KubeConfig

    kind: Any = KubeConfig
    try:
        with _one_at_a_time:
            return kind.from_dict(yaml.safe_load(kubeconfig)).get()
    except Exception as error:  # noqa: BLE001 - lightkube's are of any kind
        raise _unusable(error) from None


def _check_command(config: "SingleConfig") -> None:
    command = config.user and config.user.exec and config.user.exec.command
    if command and shutil.which(command) is None:
        raise CollectError(
            f"cannot be tried: the kubeconfig runs {command!r}, which is not on PATH; install it, "
            "or leave out `kubeconfig` for no wait"
        )


def _authenticated(config: "SingleConfig") -> "SingleConfig":
    """Run the kubeconfig's command, once: each trial Pod has a client of its own."""
    import httpx2
    from lightkube.config.client_adapter import ExecAuth, user_auth
    from lightkube.config.models import User

    _check_command(config)
    try:
        auth = user_auth(config.user)
        if isinstance(auth, ExecAuth):
            request = httpx2.Request("POST", config.cluster.server)
            _within(TIMEOUT, lambda: next(auth.sync_auth_flow(request)))
            token = request.headers["Authorization"].removeprefix("Bearer ")
            config = config._replace(user=User(token=token))
        _client(config).close()  # reads its certificates
    except Exception as error:  # noqa: BLE001 - lightkube's are of any kind
        raise _unusable(error) from None
    return config


def _unusable(error: Exception) -> CollectError:
    return CollectError(
        f"cannot be tried: the kubeconfig cannot be used ({type(error).__name__}: "
        f"{one_line(error)}); give the text of the cluster's, or leave it out for no wait"
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


def _client(config: "SingleConfig") -> "httpx2.Client":
    import httpx2
    from lightkube.config.client_adapter import Client, ConnectionParams

    return Client(config, ConnectionParams(timeout=httpx2.Timeout(REQUEST_TIMEOUT)))


def _problem(config: "SingleConfig", namespace: str, template: Json) -> str:
    """Return what keeps the containers of a Pod of the template from the credentials."""
    import httpx2

    try:
        # The client's own time-outs begin anew at each byte.
        pod = _within(2 * REQUEST_TIMEOUT, partial(_trial_pod, config, namespace, template))
    except httpx2.HTTPStatusError as error:
        if error.response.status_code in RETRIED:
            return f"cannot be tried: the API server answered: {_message(error)}"
        raise CollectError(  # the deployer, a quota, or a policy's webhook
            f"cannot be tried: a dry run was refused: {_message(error)}; give the deployer "
            "`create` on pods, or fix what the message names; without `kubeconfig` there is no "
            "trial"
        ) from None
    except (httpx2.HTTPError, OSError) as error:
        return f"cannot be tried: the API server did not answer: {error!r}"
    if place := without_agent(pod["spec"], pod["metadata"].get("labels") or {}):
        raise CollectError(
            f"run on {place}, where no EKS Pod Identity Agent answers; use IRSA: give role_arn "
            "instead of pod_identity, and remove the association"
        )
    instead = missing(pod, CREDENTIALS_URI_VARIABLE)
    return instead and f"would start without the credentials of EKS Pod Identity: {instead}"


def _trial_pod(config: "SingleConfig", namespace: str, template: Json) -> Json:
    metadata: Json = {**(template.get("metadata") or {}), "generateName": "irsa-trial-"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    path, query = f"/api/v1/namespaces/{namespace}/pods", {"dryRun": "All"}
    with _client(config) as client:
        return client.post(path, params=query, json=pod).raise_for_status().json()


def _message(error: "httpx2.HTTPStatusError") -> str:
    """Return the API server's words, or those of a proxy before it."""
    try:
        return error.response.json()["message"]
    except (ValueError, LookupError, TypeError):
        return str(error).partition("\n")[0]
