"""Wait before Pods are created until new ones get the credentials of an association.

EKS tells its webhook of an association some seconds after the call that creates it, and a Pod that
is created meanwhile never gets the credentials.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
"""

import asyncio
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeVar

import httpx2
import pulumi
import yaml
from lightkube import KubeConfig
from lightkube.config.client_adapter import Client, ConnectionParams, ExecAuth, user_auth
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from pulumi import Output, ResourceHookArgs, ResourceHookBinding, RunError
from pulumi.runtime import is_dry_run
from pulumi.runtime.settings import get_monitor

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa.identity.injection import IN_A_ROW, PAUSE, TIMEOUT, missing, without_agent

from .pod_template import map_template
from .service_account import ServiceAccount
from .threaded_hook import ThreadedHook

HOOK: Final = "pods start with their credentials"
REQUEST_TIMEOUT = 10.0  # seconds

RETRIED = (429, 500, 503, 504)
"""Status codes of an API server that is busy, or whose webhook does not answer."""

Json = Mapping[str, Any]
T = TypeVar("T")

_one_at_a_time = threading.Lock()
"""msgspec, of lightkube's models, crashes the process if two threads first use one of them."""


_tasks: set[asyncio.Task[None]] = set()  # the event loop keeps none of its own


def start_gate(account: ServiceAccount, kubeconfig: Output[str]) -> ResourceHookBinding:
    """Return hooks for what runs pods of a service account: they wait until Pods of its template
    get credentials.

    They create Pods of the template by a server-side dry run, which is admitted as a real one is:
    the deployer needs ``create`` on pods. That the next five are right does not prove that every
    later one is; ``irsa verify`` reads those that came. A preview checks that the kubeconfig's
    command is installed.
    """
    # The engine's connection is the program's own, and each call's of a component of a package.
    monitor: Any = get_monitor()
    names: Counter[str] = vars(monitor).setdefault("_irsa_start_gates", Counter())
    name = f"{account}: {HOOK}"
    names[name] += 1
    again = f" ({names[name]})" if names[name] > 1 else ""
    known = Future[str | None]()

    async def resolve() -> None:
        known.set_result(str(await kubeconfig.future()) if await kubeconfig.is_known() else None)

    task = asyncio.get_running_loop().create_task(resolve())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    hook = ThreadedHook(f"{name}{again}", partial(_wait, account, known), monitor)
    return ResourceHookBinding(before_create=[hook], before_update=[hook])


def _wait(
    account: ServiceAccount,
    known: Future[str | None],
    args: ResourceHookArgs,
    ended: threading.Event,
) -> None:
    # Known by now, or not before the `up`: the resource's provider has this kubeconfig too.
    kubeconfig = known.result(TIMEOUT)
    if is_dry_run():
        if kubeconfig is not None:
            _check_command(_read(kubeconfig, account), account)
        return
    templates: list[Any] = []
    for inputs in (args.new_inputs, args.old_inputs):
        map_template(inputs, lambda template: templates.append(template) or template)
    if len(templates) > 1 and templates[0] == templates[1]:
        return  # scaled: there is nothing new to wait for, and a full quota must not forbid it
    if templates:
        wait_for_credentials(str(kubeconfig), account, _whole(templates[0]), ended.wait)


def wait_for_credentials(
    kubeconfig: str,
    account: ServiceAccount,
    template: Json,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Raise `RunError` if Pods of the template do not get the credentials in time.

    ``pause`` waits for some seconds; a true result ends the wait.
    """
    config = _authenticated(_read(kubeconfig, account), account)
    deadline, found, in_a_row = time.monotonic() + TIMEOUT, "", 0
    while in_a_row < IN_A_ROW:
        try:
            # The client's own time-outs begin anew at each byte.
            pod = _within(
                2 * REQUEST_TIMEOUT, partial(_trial_pod, config, account.namespace, template)
            )
            found = _problem(pod, account)
        except httpx2.HTTPStatusError as error:
            if error.response.status_code not in RETRIED:
                raise RunError(_refused(account, _message(error))) from None
            found = f"cannot be tried: the API server answered: {_message(error)}"
        except (httpx2.HTTPError, OSError) as error:
            found = f"cannot be tried: the API server did not answer: {error!r}"
        in_a_row = 0 if found else in_a_row + 1
        if found and time.monotonic() > deadline:
            raise RunError(
                f"Pods of {account} {found}, after {TIMEOUT:.0f} s; run "
                f"`irsa verify --namespace {account.namespace} --service-account {account.name}`"
            )
        if found:
            pulumi.log.info(f"waiting for the credentials of Pods of {account}", ephemeral=True)
            if pause(PAUSE):
                return


def _read(kubeconfig: str, account: ServiceAccount) -> SingleConfig:
    try:
        with _one_at_a_time:
            config: Any = KubeConfig.from_dict(yaml.safe_load(kubeconfig)).get()
    except Exception as error:  # noqa: BLE001 - lightkube's are of any kind
        raise _unusable(account, error) from None
    return config


def _check_command(config: SingleConfig, account: ServiceAccount) -> None:
    """Raise `RunError` if the kubeconfig's command, such as `aws`, is not installed."""
    command = config.user and config.user.exec and config.user.exec.command
    if command and shutil.which(command) is None:
        raise RunError(
            f"Pods of {account} cannot be tried: the kubeconfig runs {command!r}, which is not on "
            "PATH; install it, or leave out `kubeconfig` for no wait"
        )


def _authenticated(config: SingleConfig, account: ServiceAccount) -> SingleConfig:
    """Run the kubeconfig's command, once: each trial Pod has a client of its own."""
    _check_command(config, account)
    try:
        auth = user_auth(config.user)
        if isinstance(auth, ExecAuth):
            request = httpx2.Request("POST", config.cluster.server)
            _within(TIMEOUT, lambda: next(auth.sync_auth_flow(request)))
            token = request.headers["Authorization"].removeprefix("Bearer ")
            config = config._replace(user=User(token=token))
        _client(config).close()  # reads its certificates
    except Exception as error:  # noqa: BLE001 - lightkube's are of any kind
        raise _unusable(account, error) from None
    return config


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


def _unusable(account: ServiceAccount, error: Exception) -> RunError:
    reason = " ".join(str(error).split())
    return RunError(
        f"Pods of {account} cannot be tried: the kubeconfig cannot be used "
        f"({type(error).__name__}: {reason}); give the text of the cluster's, or leave it out for "
        "no wait"
    )


def _trial_pod(config: SingleConfig, namespace: str, template: Json) -> Json:
    """Return a Pod of the template as admission leaves it; it is not created."""
    metadata = {**(template.get("metadata") or {}), "generateName": "irsa-trial-"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    path, query = f"/api/v1/namespaces/{namespace}/pods", {"dryRun": "All"}
    with _client(config) as client:
        return client.post(path, params=query, json=pod).raise_for_status().json()


def _client(config: SingleConfig) -> httpx2.Client:
    return Client(config, ConnectionParams(timeout=httpx2.Timeout(REQUEST_TIMEOUT)))


def _message(error: httpx2.HTTPStatusError) -> str:
    """Return the API server's words, or those of a proxy before it."""
    try:
        return error.response.json()["message"]
    except (ValueError, LookupError, TypeError):
        return str(error).partition("\n")[0]


def _problem(pod: Json, account: ServiceAccount) -> str:
    """Return what keeps a Pod's containers from the credentials; empty if nothing does."""
    if place := without_agent(pod["spec"], pod["metadata"].get("labels") or {}):
        raise RunError(
            f"Pods of {account} run on {place}, where no EKS Pod Identity Agent answers; use IRSA: "
            "give role_arn instead of pod_identity, and remove the association"
        )
    instead = missing(dict(pod), CREDENTIALS_URI_VARIABLE)
    return instead and f"would start without the credentials of EKS Pod Identity: {instead}"


def _whole(value: Any) -> Any:
    """Return the value with its whole numbers as integers: the engine has floating-point ones."""
    if isinstance(value, Mapping):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _refused(account: ServiceAccount, message: str) -> str:
    """Return the API server's refusal: of the deployer, by a quota, or by a policy's webhook."""
    return (
        f"a trial Pod of {account} (a dry run) was refused: {message}; give the "
        "deployer `create` on pods, or fix what the message names; without `kubeconfig` there is "
        "no trial"
    )
