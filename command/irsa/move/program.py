"""The changes to a program whose stack owns what a move would change. Pure."""

from irsa.identity.arns import cluster_arn
from irsa.move.facts import Move
from irsa.observe.stack_chains import Resource, Stack

_TO_POD_IDENTITY = """\
1. add, and run `pulumi up`, which updates the Pods once they get the credentials:
   ServiceAccountRoleArgs(…, cluster_arns=["{cluster}"])
   association = PodIdentityAssociation("{name}", PodIdentityAssociationArgs(
       cluster_arn="{cluster}", role_arn=role.role_arn,
       service_account=ServiceAccount(namespace="{namespace}", name="{name}")))
   WorkloadArgs(…, pod_identity=PodIdentityArgs(
       association_id=association.association_id, kubeconfig=…))
2. restart the Pods that it did not replace:
{restarts}
3. when the step `wait` is done, remove, and run `pulumi up`:
   ServiceAccountRoleArgs(provider_arns=["{provider}"])
   WorkloadArgs(role_arn=…)"""
_TO_IRSA = """\
1. add, and run `pulumi up`:
   ServiceAccountRoleArgs(…, provider_arns=["{provider}"])
   WorkloadArgs(…, role_arn=role.role_arn)
2. remove, and run `pulumi up`:
   PodIdentityAssociation(…)
   WorkloadArgs(pod_identity=…)
3. restart the Pods, when a minute has passed:
{restarts}
4. when the step `wait` is done, remove, and run `pulumi up`:
   ServiceAccountRoleArgs(cluster_arns=["{cluster}"])"""


def owned(move: Move, stack: Stack | None) -> list[Resource]:
    """Return the resources of a move that a stack owns."""
    changed = [
        Resource("role", move.role.arn),
        Resource("association", f"{cluster_arn(move.facts.cluster_arn).name}:{move.title}"),
        Resource("annotation", move.title),
        *(Resource(each.kind, f"{move.facts.namespace}/{each.name}") for each in move.owners),
    ]
    return [each for each in changed if stack and each in stack.owned]


def program(move: Move, found: list[Resource]) -> list[str]:
    """Return the changes of the program, by one `pulumi up` after the other."""
    namespace, name = move.facts.account
    restart = f"   kubectl rollout restart --namespace {namespace}"
    text = (_TO_POD_IDENTITY if move.to_pod_identity else _TO_IRSA).format(
        cluster=move.facts.cluster_arn,
        provider=move.provider_arn,
        namespace=namespace,
        name=name,
        restarts="\n".join(f"{restart} {each.target}" for each in move.owners if each.rolls),
    )
    owner = f"{', '.join(map(str, found))}: the stack has it; change its program"
    return [owner, *text.splitlines()]
