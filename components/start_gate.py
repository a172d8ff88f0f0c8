"""Wait before a Deployment until new Pods get the credentials of an EKS Pod Identity association.

EKS tells its webhook of an association some seconds after the call that creates it, and a Pod that
is created meanwhile never gets the credentials.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx2
import pulumi
import yaml
from lightkube import AsyncClient, KubeConfig
from lightkube.config.client_adapter import ExecAuth, user_auth
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.resources.core_v1 import Pod
from pulumi import Output, ResourceHook, ResourceHookArgs, ResourceHookBinding, RunError

from irsa.identity.eks import CREDENTIALS_URI_VARIABLE
from irsa.identity.injection import IN_A_ROW, PAUSE, TIMEOUT, missing, without_agent

REQUEST_TIMEOUT = 10.0  # seconds

RETRIED = (429, 500, 503, 504)
"""Status codes of an API server that is busy, or whose webhook does not answer."""

Json = Mapping[str, Any]


def start_gate(name: str, kubeconfig: Output[str]) -> ResourceHookBinding:
    """Return hooks of a Deployment that wait until Pods of its template get the credentials.

    They create Pods of the template by a server-side dry run, which is admitted as a real one is:
    the deployer needs ``create`` on pods. That the next five are right does not prove that every
    later one is; ``irsa verify`` reads those that came.
    """

    async def wait(args: ResourceHookArgs) -> None:
        inputs: Any = args.new_inputs
        template = await _template(inputs)
        if args.old_inputs and await _template(args.old_inputs) == template:
            return  # scaled: there is nothing new to wait for, and a full quota must not forbid it
        namespace = inputs["metadata"]["namespace"]
        # The SDK awaits nothing else here: the Deployment's provider has this kubeconfig too.
        text = await kubeconfig.future()
        await wait_for_credentials(str(text), namespace, _whole(template))

    hook = ResourceHook(name, wait)
    return ResourceHookBinding(before_create=[hook], before_update=[hook])


async def _template(inputs: Any) -> Any:
    """Return the template in a Deployment's inputs: the SDK has an Output for one with a secret."""
    spec: Any = await Output.from_input(inputs["spec"]).future()
    return spec["template"]


async def wait_for_credentials(kubeconfig: str, namespace: str, template: Json) -> None:
    """Raise `RunError` if Pods of the template do not get the credentials in time."""
    config = await _config(kubeconfig)
    name = template["spec"]["serviceAccountName"]
    account = f"{namespace}/{name}"
    deadline, found, in_a_row = time.monotonic() + TIMEOUT, "", 0
    while in_a_row < IN_A_ROW:
        try:
            found = _problem(await _trial_pod(config, namespace, template), account)
        except ApiError as error:
            if error.status.code not in RETRIED:
                raise RunError(_refused(account, error)) from None
            found = f"cannot be tried: the API server answered: {error.status.message}"
        except (httpx2.HTTPError, OSError) as error:
            found = f"cannot be tried: the API server did not answer: {error!r}"
        in_a_row = 0 if found else in_a_row + 1
        if found and time.monotonic() > deadline:
            raise RunError(
                f"Pods of {account} {found}, after {TIMEOUT:.0f} s; run "
                f"`irsa verify --namespace {namespace} --service-account {name}`"
            )
        if found:
            pulumi.log.info(f"waiting for the credentials of Pods of {account}", ephemeral=True)
            await asyncio.sleep(PAUSE)


async def _config(kubeconfig: str) -> SingleConfig:
    """Read a kubeconfig and run its command, once: each trial Pod has a client of its own."""
    try:
        config: Any = KubeConfig.from_dict(yaml.safe_load(kubeconfig)).get()
        auth = user_auth(config.user)
        if isinstance(auth, ExecAuth):
            request = httpx2.Request("POST", config.cluster.server)
            await anext(auth.async_auth_flow(request))
            token = request.headers["Authorization"].removeprefix("Bearer ")
            config = config._replace(user=User(token=token))
        await AsyncClient(config).close()  # reads its certificates
    except (
        AssertionError,
        ConfigError,
        yaml.YAMLError,
        OSError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split())
        raise RunError(
            f"kubeconfig cannot be used ({type(error).__name__}: {reason}); give the text of the "
            "cluster's, or None for no wait"
        ) from None
    return config


async def _trial_pod(config: SingleConfig, namespace: str, template: Json) -> Json:
    """Return a Pod of the template as admission leaves it; it is not created."""
    kind: Any = Pod
    pod = kind.from_dict(
        {
            "metadata": {**(template.get("metadata") or {}), "generateName": "irsa-trial-"},
            "spec": template["spec"],
        }
    )
    client: Any = AsyncClient(config, timeout=httpx2.Timeout(REQUEST_TIMEOUT))
    try:
        return (await client.create(pod, namespace=namespace, dry_run=True)).to_dict()
    finally:
        await client.close()


def _problem(pod: Json, account: str) -> str:
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


def _refused(account: str, error: ApiError) -> str:
    """Return the API server's refusal: of the deployer, by a quota, or by a policy's webhook."""
    return (
        f"a trial Pod of {account} (a dry run) was refused: {error.status.message}; give the "
        "deployer `create` on pods, or fix what the message names; without `kubeconfig` there is "
        "no trial"
    )
