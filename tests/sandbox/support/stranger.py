"""Calls every method of a resource provider as another user of the machine: `nobody`, when run by
root. Prints what each call was answered, as JSON.

A program of its own, because a process gives up its user id once and for all.
"""

import json
import os
import sys
from typing import Any

import grpc
import grpc._channel  # imported on first use otherwise, when the files cannot be read any more
from pulumi.runtime.proto import provider_pb2 as pb

from irsa_sandbox.providers.values import encode

NOBODY = 65534
TIMEOUT = 20.0
SERVICE = pb.DESCRIPTOR.services_by_name["ResourceProvider"]
URN = "urn:pulumi:dev::irsa::kubernetes:core/v1:ConfigMap::main"


def requests(config: dict[str, Any]) -> dict[str, Any]:
    """Requests of an attacker; the other methods get an empty one."""
    return {
        "Configure": pb.ConfigureRequest(args=encode(config)),
        "Create": pb.CreateRequest(urn=URN, properties=encode({"metadata": {"name": "main"}})),
        "Invoke": pb.InvokeRequest(tok="aws:index/getCallerIdentity:getCallerIdentity"),
        "Read": pb.ReadRequest(urn=URN, id="default/main"),
        "Construct": pb.ConstructRequest(type="eks:index:Cluster", name="main"),
    }


def answers(port: int, config: dict[str, Any]) -> dict[str, list[str]]:
    """Status and text for each method of the service, in the order of its definition."""
    messages = requests(config)
    replies = {}
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for method in SERVICE.methods:
            request = messages.get(method.name, method.input_type._concrete_class())
            call = channel.unary_stream(
                f"/{SERVICE.full_name}/{method.name}",
                request_serializer=type(request).SerializeToString,
            )
            try:
                replies[method.name] = ["answered", str(list(call(request, timeout=TIMEOUT)))]
            except grpc.RpcError as error:
                replies[method.name] = [error.code().name, error.details()]
    return replies


if __name__ == "__main__":
    arguments = json.load(sys.stdin)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    print(json.dumps(answers(**arguments)))
