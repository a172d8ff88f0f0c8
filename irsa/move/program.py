"""The changes to a program whose stack owns what a move would change. Pure."""

from collections.abc import Iterator

from irsa.identity.arns import cluster_arn
from irsa.move.facts import Move
from irsa.observe.stack_chains import Resource, Stack

_POD_IDENTITY = "PodIdentityArgs(association_id=association.association_id, kubeconfig=…)"


def owned(move: Move, stack: Stack | None) -> list[Resource]:
    """Return the resources of a move that a stack owns."""
    title, cluster = move.title, cluster_arn(move.facts.cluster_arn).name
    changed = [
        Resource("role", move.role.arn),
        Resource("association", f"{cluster}:{title}"),
        Resource("annotation", title),
        *(Resource(each.kind, f"{move.facts.namespace}/{each.name}") for each in move.owners),
    ]
    return [each for each in changed if stack and each in stack.owned]


def program(move: Move, stack: Stack, found: list[Resource]) -> Iterator[str]:
    """Return the lines that the program has to say, by one `pulumi up` after the other."""
    named = f"stack {stack.name}" if stack.name else "stack"
    yield f"{', '.join(map(str, found))}: the {named} has it; change its program:"
    yield from _to_pod_identity(move) if move.to_pod_identity else _to_irsa(move)


def _to_pod_identity(move: Move) -> Iterator[str]:
    namespace, name = move.facts.account
    cluster = move.facts.cluster_arn
    yield "1. add, and run `pulumi up`, which restarts the Pods when the credentials are there:"
    yield f'   ServiceAccountRoleArgs(…, cluster_arns=["{cluster}"])'
    yield f'   association = PodIdentityAssociation("{name}", PodIdentityAssociationArgs('
    yield f'       cluster_arn="{cluster}", namespace="{namespace}",'
    yield f'       service_account_name="{name}", role_arn=role.role_arn))'
    yield f"   WorkloadArgs(…, pod_identity={_POD_IDENTITY})"
    yield from _restart(move, "2. restart the Pods that `pulumi up` did not")
    yield "3. when the step `wait` is done, remove, and run `pulumi up`:"
    yield f'   ServiceAccountRoleArgs(provider_arns=["{move.provider_arn}"])'
    yield "   WorkloadArgs(role_arn=…)"


def _to_irsa(move: Move) -> Iterator[str]:
    yield "1. add, and run `pulumi up`:"
    yield f'   ServiceAccountRoleArgs(…, provider_arns=["{move.provider_arn}"])'
    yield "   WorkloadArgs(…, role_arn=role.role_arn)"
    yield "2. remove, and run `pulumi up`:"
    yield "   PodIdentityAssociation(…)"
    yield f"   WorkloadArgs(pod_identity={_POD_IDENTITY})"
    yield from _restart(move, "3. restart the Pods, which `pulumi up` does not")
    yield "4. when the step `wait` is done, remove, and run `pulumi up`:"
    yield f'   ServiceAccountRoleArgs(cluster_arns=["{move.facts.cluster_arn}"])'


def _restart(move: Move, why: str) -> Iterator[str]:
    yield f"{why}:"
    for each in move.owners:
        yield f"   kubectl rollout restart {each.target} --namespace {move.facts.namespace}"
