"""The requests of terraform-provider-aws for the demo's stacks and forms are answered as they were.

`tools.bridged_aws.record` kept them: an input that the sandbox takes no more fails here, without
the plugin.
"""

import json
from pathlib import Path

import pytest

from irsa_core.identity.arns import account_of, name_of
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.aws.clients import AccessKeys
from tests.sandbox.support.aws_harness import BUCKET, ROLE_ARN, ROLE_B_ARN, Aws
from tools.bridged_aws.recorder import outcome, service_of

pytestmark = pytest.mark.usefixtures("restored")


def test_what_the_provider_asks_is_answered_as_it_was(aws: Aws):
    # Buckets and roles that the fixture made have names of the stacks'.
    aws.emulator.client("s3", ACCOUNT_A).delete_bucket(Bucket=BUCKET)
    for arn in (ROLE_ARN, ROLE_B_ARN):
        iam, role = aws.emulator.client("iam", account_of(arn)), {"RoleName": name_of(arn)}
        for policy in iam.list_role_policies(**role)["PolicyNames"]:
            iam.delete_role_policy(**role, PolicyName=policy)
        iam.delete_role(**role)

    new_ids: dict[str, str] = {}
    differences: list[str] = []
    for text in Path(__file__).with_name("recorded_requests.jsonl").read_text().splitlines():
        line = json.loads(text)
        for old, new in new_ids.items():
            text = text.replace(old, new)
        sent = json.loads(text)
        host, query = sent["host"], f"?{sent['query']}" if sent["query"] else ""
        root = AccessKeys(sent["account"], aws.emulator.root_secret)
        more = {"headers": sent["headers"], "content": sent["body"], "credentials": root}
        path, service = f"{sent['path']}{query}", service_of(host)
        answer = aws.signed(sent["method"], host, path, service=service, **more)
        now = {"status": answer.status_code, **outcome(answer.text)}
        new_ids.update(zip(line["ids"], now["ids"], strict=False))
        was = {name: line[name] for name in ("status", "code")}
        if line["provider"] and {**now, "ids": 0} != {**was, "ids": 0}:
            action = f"{line['method']} {line['host']}{line['path']} {line['body'][:300]}"
            differences.append(f"{action}: {was} became {now}: {answer.text[:300]}")
    assert not differences, "\n".join(differences)
