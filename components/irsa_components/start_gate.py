"""Wait before Pods are created until new ones get the credentials of an association."""

import asyncio
import threading
from collections import Counter
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import pulumi
from pulumi import Output, ResourceHookArgs, ResourceHookBinding, RunError
from pulumi.runtime import is_dry_run
from pulumi.runtime.settings import get_monitor

from irsa_core.polling import TIMEOUT

from .pod_template import map_template
from .trial_pods import TrialError, read, wait_for_credentials
from .values import ServiceAccount

HOOK: Final = "pods start with their credentials"


def start_gate(account: ServiceAccount, kubeconfig: Output[str]) -> ResourceHookBinding | None:
    """Return hooks for what runs pods of a service account: they wait until Pods of its template
    get credentials.

    They create Pods of the template by a server-side dry run, which is admitted as a real one is:
    the deployer needs ``create`` on pods. A preview checks that the kubeconfig's command is
    installed. None, with a warning, if the installed SDK has moved what the hook stands on.
    """
    # The engine's connection is the program's own, and each call's of a component of a package.
    monitor: Any = get_monitor()
    names: Counter[str] = vars(monitor).setdefault("_irsa_start_gates", Counter())
    name = f"{account}: {HOOK}"
    names[name] += 1
    again = f" ({names[name]})" if names[name] > 1 else ""

    async def resolve() -> str | None:
        return str(await kubeconfig.future()) if await kubeconfig.is_known() else None

    future = asyncio.run_coroutine_threadsafe(resolve(), asyncio.get_running_loop())
    try:
        from .threaded_hook import ThreadedHook

        hook = ThreadedHook(f"{name}{again}", partial(_wait, account, future), monitor)
    except (AttributeError, ImportError, TypeError) as error:
        pulumi.log.warn(
            f"Pods of {account} do not wait for their credentials: this version of pulumi has "
            f"changed ({error}); update irsa-components"
        )
        return None
    return ResourceHookBinding(before_create=[hook], before_update=[hook])


def _wait(
    account: ServiceAccount,
    future: Future[str | None],
    args: ResourceHookArgs,
    ended: threading.Event,
) -> None:
    # Known by now, or not before the `up`: the resource's provider has this kubeconfig too.
    kubeconfig = future.result(TIMEOUT)
    templates: list[Any] = []
    for inputs in (args.new_inputs, args.old_inputs):
        map_template(inputs, lambda template: templates.append(template) or template)
    # One that is scaled has nothing new to wait for, and a full quota must not forbid it.
    new = templates[:1] if templates[1:] != templates[:1] else []

    def pause(seconds: float) -> bool:
        pulumi.log.info(f"waiting for the credentials of Pods of {account}", ephemeral=True)
        return ended.wait(seconds)

    try:
        if is_dry_run():
            if kubeconfig is not None:
                read(kubeconfig)
        elif new:
            wait_for_credentials(str(kubeconfig), account, new[0], pause)
    except TrialError as error:
        raise RunError(f"Pods of {account} {error}") from None
