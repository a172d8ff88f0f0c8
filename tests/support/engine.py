"""A mock Pulumi engine that records what a program registers, and what depends on what."""

import asyncio
import json
import logging
import re
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
import yaml
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import MockCallArgs, MockResourceArgs, rpc
from pulumi.runtime.mocks import MockMonitor

import irsa_components
from tests.support.paths import ROOT
from tests.support.world import ACCOUNT_A, ISSUER_URL, REGION

# How the SDK marks references to other resources, and secrets, inside properties.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


def secret(value: Any) -> dict[str, Any]:
    """Return a secret input as it arrives at the engine."""
    return {_SIGNATURE: _SECRET, "value": value}


# Pulumi's mocks expect the thread to have an event loop; `asyncio.run` in an earlier test takes the
# one that was there away.
LOOP = asyncio.new_event_loop()


class Monitor(MockMonitor):
    """Remembers dependencies and options of every registration, which `MockMonitor` drops."""

    def __init__(self, mocks: pulumi.runtime.Mocks) -> None:
        super().__init__(mocks)
        self.depends_on: dict[str, set[str]] = {}
        self.requests: dict[tuple[str, str], Any] = {}
        self.outputs: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        response = super().RegisterResource(request)
        self.requests[request.type, request.name] = request
        if request.type == "pulumi:pulumi:Stack":
            return response
        provider = {request.provider.rpartition("::")[0]} - {""}
        urns = (each.urns for each in request.propertyDependencies.values())
        self.depends_on[response.urn] = provider.union(request.dependencies, *urns)
        return response

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        response = super().ReadResource(request)
        self.depends_on[response.urn] = set(request.dependencies)
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        component = request.urn.split("::")[2].rpartition("$")[2]
        known = {k: v for k, v in MessageToDict(request.outputs).items() if v != rpc.UNKNOWN}
        self.outputs[component] = known
        return super().RegisterResourceOutputs(request)


@dataclass
class Engine(pulumi.runtime.Mocks):
    """Answers registrations as AWS and Kubernetes would, and the invokes that components make.

    A preview leaves out what only the service knows, so those outputs are unknown.
    """

    preview: bool = False
    partition: str = "aws"
    stacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    role_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Tags of the roles that exist, by name."""
    registered: list[MockResourceArgs] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    monitor: Monitor = field(init=False)

    def __post_init__(self) -> None:
        self.monitor = Monitor(self)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.registered.append(args)
        state = dict(args.inputs)
        if args.typ == "pulumi:pulumi:StackReference":
            outputs = dict(self.stacks[args.inputs["name"]])
            secrets = [k for k, v in outputs.items() if isinstance(v, dict) and v.get(_SIGNATURE)]
            return args.name, {**state, "outputs": outputs, "secretOutputNames": secrets}
        if self.preview:
            return "", state
        state |= self._computed(args)
        named = {"aws:iam/role:Role": "name", "aws:iam/user:User": "name"}
        named |= {"aws:s3/bucketPolicy:BucketPolicy": "bucket", "aws:s3/bucket:Bucket": "bucket"}
        return state.get(named.get(args.typ, ""), f"{args.name}-id"), state

    def _computed(self, args: MockResourceArgs) -> dict[str, Any]:
        name, existing = args.inputs.get("name", args.name), args.resource_id
        iam = f":iam::{ACCOUNT_A}"
        bucket = existing or args.inputs.get("bucket", args.name)
        namespace, _, object_name = existing.rpartition("/")
        metadata = {"metadata": {"name": object_name, "namespace": namespace or None}}
        issuer = args.inputs.get("url", "").removeprefix("https://")
        role = f"arn:{self.partition}{iam}:role{args.inputs.get('path', '/')}{name}"
        unique_id = f"AROA{re.sub('[^A-Z0-9]', '', args.name.upper())}"
        if args.typ == "eks:index:Cluster":
            return self._eks_component(args)
        return {
            "aws:iam/role:Role": {"name": name, "arn": role, "uniqueId": unique_id},
            "aws:iam/policy:Policy": {"arn": f"arn:aws{iam}:policy/{name}"},
            "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
                "arn": existing or f"arn:aws{iam}:oidc-provider/{issuer}"
            },
            "aws:eks/podIdentityAssociation:PodIdentityAssociation": {
                "associationId": f"a-{args.name}",
                "externalId": f"{args.name}-id",
            },
            "aws:iam/user:User": {"name": name},
            "aws:iam/accessKey:AccessKey": {"secret": f"{args.name}-secret"},
            "aws:s3/bucket:Bucket": {"arn": f"arn:aws:s3:::{bucket}", "bucket": bucket},
            "kubernetes:core/v1:ServiceAccount": metadata if existing else {},
            "kubernetes:core/v1:Namespace": metadata if existing else {},
            "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1},
            "aws:eks/cluster:Cluster": _cluster(existing or name),
        }.get(args.typ, {})

    def _eks_component(self, args: MockResourceArgs) -> dict[str, Any]:
        """pulumi-eks's outputs; its cluster is a child, which the mock engine does not make."""
        urn = f"urn:pulumi:dev::irsa::eks:index:Cluster$aws:eks/cluster:Cluster::{args.name}-child"
        state = _cluster(args.inputs.get("name", args.name))
        self.monitor.resources[urn] = MockMonitor.ResourceRegistration(urn, state["name"], state)
        return {
            "eksCluster": {_SIGNATURE: _RESOURCE, "urn": urn, "id": state["name"]},
            "kubeconfigJson": '{"kind": "Config"}',
            "oidcProviderUrl": ISSUER_URL,
            "oidcProviderArn": "",
        }

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        if args.token == "aws:iam/getRole:getRole":
            return {"tags": self.role_tags.get(args.args["name"], {})}
        if args.token == "aws:eks/getAddonVersion:getAddonVersion":
            assert args.args["mostRecent"], "the default version may be older than the one there is"
            return {"version": f"{args.args['addonName']}-of-{args.args['kubernetesVersion']}"}
        raise AssertionError(f"unexpected invoke {args.token}")

    def of(self, typ: str) -> list[MockResourceArgs]:
        """Every registration of a type, by its token or, if it is none of ours, by its name."""
        return [resource for resource in self.registered if _is(resource.typ, typ)]

    def one(self, typ: str, name: str = "") -> MockResourceArgs:
        """The only registration of a type, or of a type and a logical name."""
        found = [resource for resource in self.of(typ) if name in ("", resource.name)]
        assert len(found) == 1, f"expected one {typ} {name}, got {[r.name for r in found]}"
        return found[0]

    def options(self, typ: str, name: str) -> Any:
        """Return the options of a registration: aliases, hooks, retainOnDelete, ..."""
        requests = self.monitor.requests.items()
        return next(each for (kind, own), each in requests if _is(kind, typ) and own == name)

    def outputs(self, component: str) -> dict[str, Any]:
        """Return the known outputs that the last component of a class registered: its state's."""
        return self.monitor.outputs[f"irsa:index:{component}"]

    def tree(self) -> set[str]:
        """Every resource as ``<parent type>$<type>``, which is how a URN shows parentage."""
        return {urn.split("::")[2] for urn in self.monitor.depends_on}

    def waits_for(self, later: str, earlier: str) -> bool:
        """Return True if each resource of type ``later`` depends on all ``earlier``."""
        laters, earliers = self._urns(later), self._urns(earlier)
        assert laters, f"nothing of type {later}"
        assert earliers, f"nothing of type {earlier}"
        return all(earliers <= self._dependencies(urn) for urn in laters)

    def _urns(self, typ: str) -> set[str]:
        return {u for u in self.monitor.depends_on if _is(u.split("::")[2].rpartition("$")[2], typ)}

    def _dependencies(self, urn: str) -> set[str]:
        direct = self.monitor.depends_on.get(urn, set())
        return direct.union(*map(self._dependencies, direct))


def _is(typ: str, asked: str) -> bool:
    package, _, name = typ.rpartition(":")
    return asked == typ or (asked == name and not package.startswith("irsa"))


def _cluster(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "arn": f"arn:aws:eks:{REGION}:{ACCOUNT_A}:cluster/{name}",
        "endpoint": "https://cluster.example",
        "certificateAuthority": {"data": "Q0E="},
        "identities": [{"oidcs": [{"issuer": ISSUER_URL}]}],
        "version": "1.34",
        "vpcConfig": {"subnetIds": ["subnet-a", "subnet-b"]},
    }


def deploy(
    program: Callable[[], Any], engine: Engine | None = None, project: str = "irsa"
) -> Engine:
    """Run a program to completion; every registration has landed when this returns."""
    engine = engine or Engine()
    logged = engine.logged
    asyncio.set_event_loop(LOOP)
    # A program that fails leaves futures that are never awaited; Pulumi's hosts silence them, too.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    logger = logging.Logger("program", logging.INFO)
    logger.handle = lambda record: logged.append(
        f"{record.levelname.lower()}: {record.getMessage()}"
    )
    pulumi.runtime.set_mocks(
        engine,
        monitor=engine.monitor,
        preview=engine.preview,
        project=project,
        stack="dev",
        logger=logger,
        organization="organization",  # None unless given; what file and S3 backends report
    )

    @pulumi.runtime.test
    def run() -> None:
        program()

    run()
    # The mock engine takes two resources of one URN silently; the real one fails.
    assert len(engine.registered) == len(engine.monitor.depends_on), "two resources share a URN"
    return engine


def create(kind: str, name: str, engine: Engine | None = None, **args: Any) -> Engine:
    """Deploy one component, named by its class."""
    arguments = getattr(irsa_components, f"{kind}Args")(**args)
    return deploy(lambda: getattr(irsa_components, kind)(name, arguments), engine)


def run_program(
    config: Mapping[str, Any], engine: Engine | None = None, *, folder: str = "."
) -> Engine:
    """Run a project's ``__main__.py`` with the configuration that its stack file would hold."""
    project = yaml.safe_load((ROOT / folder / "Pulumi.yaml").read_text())["name"]
    texts = {
        key: text if isinstance(text, str) else json.dumps(text) for key, text in config.items()
    }
    pulumi.runtime.set_all_config(texts)
    return deploy(lambda: runpy.run_path(str(ROOT / folder / "__main__.py")), engine, project)


def refusal(config: Mapping[str, Any], *, folder: str = ".", lines: int = 1) -> str:
    """Return the line that a program ends with before it registers anything."""
    engine = Engine()
    with pytest.raises(pulumi.RunError) as caught:
        run_program(config, engine, folder=folder)
    assert engine.registered == []
    assert len(str(caught.value).splitlines()) == lines
    return str(caught.value)


def outputs_of(config: Mapping[str, Any], *, folder: str = ".", **stacks: Any) -> dict[str, Any]:
    """Return the exports of a program, with every output resolved."""
    exported: dict[str, Any] = {}

    def export(name: str, value: Any) -> None:
        pulumi.Output.from_input(value).apply(lambda result: exported.__setitem__(name, result))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi, "export", export)
        run_program(config, Engine(**stacks), folder=folder)
    return exported


def stack_file(folder: str = ".") -> dict[str, Any]:
    """The configuration of stack `dev`, as it stands in its file."""
    return yaml.safe_load((ROOT / folder / "Pulumi.dev.yaml").read_text())["config"]
