"""The wait before a Deployment: its kubeconfig, and the Pods that it tries."""

import asyncio
import sys
import threading
from typing import Any

import pulumi
import pytest
from pulumi import UNKNOWN, Output, RunError
from pulumi.runtime import rpc
from pulumi.runtime.proto.resource_pb2 import ResourceHookRequest

from irsa_components import ServiceAccount, start_gate
from irsa_core.polling import IN_A_ROW
from tests.support.engine import Engine, deploy, secret
from tests.support.refusal import refusal
from tests.support.trial_pods import TEMPLATE, Tried, command, kubeconfig

ACCOUNT = ServiceAccount(namespace="dev", name="s3-app")
INPUTS = {"metadata": {"namespace": "dev"}, "spec": {"template": TEMPLATE}}


async def call(hook: Any, new: Any, old: Any = None, *, name: str = "s3-app") -> None:
    """Call a hook as the engine does, from another thread than the program's."""
    request = ResourceHookRequest(name=name)
    request.new_inputs.update(new)
    request.old_inputs.update(old or {})
    answer = await asyncio.to_thread(hook.answer, request.SerializeToString(), threading.Event())
    if answer.error:
        raise RunError(answer.error)


def hook_of(config: Any = None) -> Any:
    """Return the hook of a gate, with a kubeconfig."""
    gate = start_gate.start_gate(ACCOUNT, Output.from_input(config or kubeconfig()))
    (hook,) = gate.before_create or ()
    assert gate.before_update == [hook]
    return hook


def run(*calls: Any, preview: bool = False) -> None:
    """Call a gate's hook for each of the calls: kubeconfig, new and old inputs."""

    def program() -> None:
        for number, (config, *inputs) in enumerate(calls):
            waited = call(hook_of(config), *inputs, name=str(number))
            pulumi.export(str(number), Output.from_input(waited))

    deploy(program, Engine(preview=preview))


# What has a secret, such as an external id, the engine sends as one.
@pytest.mark.cases("sent", {"plain": dict, "secret": secret})
@pytest.mark.cases(("template", "pods"), {
    "same template": (TEMPLATE, 0),
    "another template": ({**TEMPLATE, "x": 1}, IN_A_ROW),
})  # fmt: skip
def test_a_deployment_that_is_scaled_waits_for_nothing(tried, template, pods, sent):
    """A quota may be the reason to scale it down."""
    metadata = {"name": "s3-app", "namespace": "dev"}
    before, after = (
        {"metadata": metadata, "spec": sent({"replicas": count, "template": pod})}
        for count, pod in ((3.0, template), (1.0, TEMPLATE))
    )
    run((kubeconfig(tried.url), after, before))
    assert len(tried.requests) == pods


def test_hooks_of_one_service_account_have_names_of_their_own():
    """The engine knows a hook by its name."""
    names: list[str] = []

    def program() -> None:
        names.extend(hook_of().name for _ in range(3))

    for _ in range(2):
        deploy(program)
    name = f"dev/s3-app: {start_gate.HOOK}"
    assert names == [name, f"{name} (2)", f"{name} (3)"] * 2


def test_each_hook_tries_pods_of_its_template_with_its_own_kubeconfig(tried: Tried):
    """They have different parents, and may be in different clusters."""
    run(*((kubeconfig(tried.url, token=token), INPUTS) for token in ("a", "b")))
    assert sorted(tried.authorizations) == ["Bearer a"] * IN_A_ROW + ["Bearer b"] * IN_A_ROW
    assert [each["spec"] for each in tried.pods] == [TEMPLATE["spec"]] * 2 * IN_A_ROW


@pytest.mark.cases("preview", {"up": False, "preview": True})
def test_a_command_that_is_missing_is_named_in_the_preview(preview: bool):
    assert refusal(run, (command("no-such-aws"), INPUTS), preview=preview, raised=RunError) == (
        "Pods of dev/s3-app cannot be tried: the kubeconfig runs 'no-such-aws', which is not on "
        "PATH; install it, or leave out `kubeconfig` for no wait"
    )


def test_a_preview_tries_no_pods_and_does_not_wait_for_a_kubeconfig(tried: Tried):
    inputs = {"metadata": {"namespace": "dev"}, "spec": rpc.UNKNOWN}

    run((UNKNOWN, inputs), (kubeconfig(tried.url), inputs), preview=True)
    assert tried.requests == []


MOVED = ("pulumi.ResourceHookOptions", "pulumi.runtime.proto.callback_pb2_grpc.CallbacksServicer")


@pytest.mark.parametrize("moved", MOVED)
def test_an_sdk_that_has_changed_is_a_warning_and_the_program_runs(monkeypatch, moved):
    monkeypatch.delitem(sys.modules, "irsa_components.threaded_hook", raising=False)
    monkeypatch.delattr(moved)
    gates: list[Any] = []

    def program() -> None:
        gates.append(start_gate.start_gate(ACCOUNT, Output.from_input(kubeconfig())))

    logged = deploy(program).logged
    assert gates == [None]
    assert ["do not wait" in line and moved.rpartition(".")[2] in line for line in logged] == [True]
