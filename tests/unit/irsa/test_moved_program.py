"""The lines for the program of a stack that owns what a move would change."""

import re
from dataclasses import fields

import pytest

import irsa_components as irsa
from command.tests.move.moves import CLUSTER, PROVIDER, ROLE_ARN, with_irsa, with_pod_identity
from irsa.move.plan import owned, program
from irsa.observe.stack_chains import Resource, Stack

KINDS = (irsa.PodIdentityArgs, irsa.PodIdentityAssociationArgs, irsa.ServiceAccount)
KINDS += (irsa.ServiceAccountRoleArgs, irsa.WorkloadArgs)
ARGUMENTS = {each.name for args in KINDS for each in fields(args)}


@pytest.mark.cases("found", {"to Pod Identity": with_irsa(), "to IRSA": with_pod_identity()})
def test_the_lines_are_arguments_of_the_components(found):
    text = "\n".join(program(found, [Resource("role", ROLE_ARN)]))

    assert set(re.findall(r"[( ](\w+)=", text)) <= ARGUMENTS
    assert f'cluster_arns=["{CLUSTER}"]' in text
    assert f'provider_arns=["{PROVIDER}"]' in text
    assert "kubectl rollout restart --namespace dev deployment/s3-app" in text


def test_each_resource_that_a_move_changes_can_be_a_stack_s():
    resources = [Resource("role", ROLE_ARN), Resource("association", "dev:dev/s3-app")]
    resources += [Resource(kind, "dev/s3-app") for kind in ("annotation", "deployment")]
    others = Resource("role", f"{ROLE_ARN}-other")

    assert owned(with_irsa(), Stack("dev", frozenset({*resources, others}))) == resources
    assert owned(with_irsa(), Stack("dev", frozenset({others}))) == []
    assert owned(with_irsa(), None) == []
