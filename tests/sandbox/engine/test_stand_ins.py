"""Stand-ins for types that the sandbox lacks: their lives, their outputs, wrong declarations."""

import json
from types import SimpleNamespace

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from pulumi import _types
from pulumi.runtime import rpc

from tests.sandbox.support.programs import changes_of, refusal, stack_of, unchanged

ARN = "arn:aws:sqs:us-east-1:111122223333:jobs"
QUEUE, UUID = "aws:sqs/queue:Queue", "random:index/uuid:Uuid"
INSTANCE, PART = "aws:rds/instance:Instance", "master_user_secrets"


class Uuid(pulumi.CustomResource):
    result: pulumi.Output[str]


def sending(arn: str) -> str:
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_stand_in_lives_as_any_resource(session, tmp_path, monkeypatch):
    module = SimpleNamespace(mod_info={"classes": {UUID: "Uuid"}})
    monkeypatch.setitem(rpc._RESOURCE_MODULES, "random:index/uuid", [module])
    code, tags, arns = tmp_path / "code.py", {"team": "a"}, []

    def program() -> None:
        queue = aws.sqs.Queue("jobs", tags=tags)
        queue.arn.apply(arns.append)
        aws.iam.Policy("send", policy=queue.arn.apply(sending))
        archive = pulumi.AssetArchive({"code.py": pulumi.FileAsset(str(code))})
        aws.lambda_.Function("worker", role=ARN, code=archive)
        pulumi.export("uuid", Uuid(UUID, "x", {"result": None}).result)

    declared = {QUEUE: {"arn": ARN}, "aws:lambda/function:Function": {}, UUID: {"result": "1-2"}}
    stack = stack_of(session, "stand-ins", program, stand_ins=declared)
    code.write_text("1")
    stack.preview()
    assert arns == []
    stack.up()
    assert (arns, stack.outputs()) == ([ARN], {"uuid": "1-2"})
    unchanged(stack)
    tags["team"] = "b"
    code.write_text("2")
    assert stack.up() == {"same": 3, "update": 2}
    unchanged(stack)
    declared[QUEUE] = {"arn": f"{ARN}-2"}
    assert {*changes_of(stack)} == {f"{QUEUE}::jobs", "aws:iam/policy:Policy::send"}
    assert stack.destroy() == {"delete": 5}


def test_only_an_up_refuses_to_read_an_output_without_a_value(session):
    kinds = {
        QUEUE: aws.sqs.Queue,
        "aws:kms/key:Key": aws.kms.Key,
        "aws:sns/topic:Topic": aws.sns.Topic,
    }
    names = [(t, name) for t in kinds for name in _types.resource_py_to_pulumi_names(kinds[t])]
    refused: list[str] = []

    def program() -> None:
        made = {token: kind("x", tags={"team": "a"}) for token, kind in kinds.items()}
        for token, name in names:
            try:
                getattr(made[token], name)
            except pulumi.RunError as error:
                refused.append(str(error))

    stack = stack_of(session, "reads", program, stand_ins={t: {"arn": ARN} for t in kinds})
    stack.preview()
    assert refused == []
    stack.up()
    lacking = [pair for pair in names if pair[1] not in ("arn", "tags")]
    assert refused == [f"{t} x: no output {name}; give it in `stand_ins`" for t, name in lacking]


REFUSALS = {
    "an output that is read": (QUEUE, {}, f"{QUEUE} jobs: no output url; give it in "),
    "an output that it lacks": (QUEUE, {"urls": ""}, "no output urls; the nearest are url, "),
    "a part that it lacks": (INSTANCE, {PART: [{"secret_arn": ""}]}, f"{PART}: [{{'secret_arn"),
    "outputs without names": (QUEUE, [ARN], f"{QUEUE}: ['{ARN}']; give values by output"),
    "types without outputs": (None, {QUEUE}, f"{{'{QUEUE}'}}; give outputs by type token"),
    "a misspelt type": ("aws:sqs/que:Queue", {}, f"the nearest are {QUEUE}, "),
    "a type of the sandbox": ("aws:s3/bucket:Bucket", {}, "Bucket is a type of the sandbox; "),
    "a kind of Kubernetes": ("kubernetes:core/v1:ConfigMap", {}, "ConfigMap is a type of the "),
    "a component": ("eks:index:Cluster", {}, "Cluster is a component; declare the types "),
}


@pytest.mark.parametrize(("token", "outputs", "line"), REFUSALS.values(), ids=REFUSALS)
def test_a_wrong_declaration_is_refused_in_a_line(session, token, outputs, line):
    def program() -> None:
        aws.s3.Bucket("x")
        k8s.core.v1.ConfigMap("x")
        pulumi.ComponentResource("eks:index:Cluster", "x")
        aws.rds.Instance("x", instance_class="x")
        pulumi.export("url", aws.sqs.Queue("jobs").url)

    declared = {QUEUE: {"url": ARN}, INSTANCE: {}, token: outputs} if token else outputs
    assert line in refusal(lambda: stack_of(session, "wrong", program, stand_ins=declared).up())
