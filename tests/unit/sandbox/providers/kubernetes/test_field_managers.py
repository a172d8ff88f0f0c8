"""Which fields a resource's manager takes over, and which it leaves to others (F6, P3)."""

import re

from sandbox.providers.kubernetes.field_managers import made_without_apply, new_manager, taken_over

OWN = "pulumi-kubernetes-0a1b2c3d"


def entry(manager, operation, fields, **more):
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


CREATED = entry("pulumi-kubernetes", "Update", {"f:data": {"f:a": {}}})


def test_a_manager_is_named_anew_each_time():
    names = {new_manager() for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"pulumi-kubernetes-[0-9a-f]{8}", name) for name in names)


def test_the_creators_fields_become_the_managers():
    assert taken_over([CREATED], OWN) == [entry(OWN, "Apply", {"f:data": {"f:a": {}}})]


def test_what_kubectl_set_is_taken_over_with_what_was_owned():
    edited = entry("kubectl-edit", "Update", {"f:data": {"f:b": {}}, "f:metadata": {}})
    own = entry(OWN, "Apply", {"f:data": {"f:a": {}}}, time="then")

    assert taken_over([own, edited], OWN) == [
        entry(OWN, "Apply", {"f:data": {"f:a": {}, "f:b": {}}, "f:metadata": {}}, time="then")
    ]


def test_others_and_subresources_keep_theirs():
    other = entry("some-operator", "Apply", {"f:data": {"f:c": {}}})
    scaled = entry("kubectl", "Update", {"f:spec": {"f:replicas": {}}}, subresource="scale")

    assert taken_over([other, scaled], OWN) is None
    assert taken_over([other, CREATED, scaled], OWN) == [
        other,
        scaled,
        entry(OWN, "Apply", {"f:data": {"f:a": {}}}),
    ]


def test_an_object_that_nobody_changed_since_its_creation():
    assert made_without_apply([CREATED])
    assert not made_without_apply([entry("pulumi-kubernetes", "Apply", {}), *([])])
    assert not made_without_apply([entry(OWN, "Update", {})])
