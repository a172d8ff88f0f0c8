"""The requests of terraform-provider-aws for the demo's stacks and forms are answered as they were.

`tools.bridged_aws.record` kept them: an input that the sandbox takes no more fails here, without
the plugin.
"""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from irsa.identity.arns import account_of, name_of
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.aws.clients import Credentials
from tests.sandbox.support.aws_harness import BUCKET, ROLE_ARN, ROLE_B_ARN, Aws
from tools.bridged_aws.recorder import outcome, service_of

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("restored")]


def test_what_the_provider_asks_is_answered_as_it_was(aws: Aws):
    def sent(aws: Aws, line: dict[str, Any]) -> httpx2.Response:
        """Send a request again, as the root of its account."""
        return aws.signed(
            line["method"],
            line["host"],
            f"{line['path']}?{line['query']}" if line["query"] else line["path"],
            service=service_of(line["host"]),
            credentials=Credentials(line["account"], aws.emulator.root_secret),
            headers=line["headers"],
            content=line["body"],
        )

    def remove_what_the_fixture_made(aws: Aws) -> None:
        """Buckets and roles that have names of the stacks'."""
        s3 = aws.emulator.client("s3", ACCOUNT_A)
        for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            s3.delete_object(Bucket=BUCKET, Key=each["Key"])
        s3.delete_bucket(Bucket=BUCKET)
        for arn in (ROLE_ARN, ROLE_B_ARN):
            iam, role = aws.emulator.client("iam", account_of(arn)), {"RoleName": name_of(arn)}
            for policy in iam.list_role_policies(**role)["PolicyNames"]:
                iam.delete_role_policy(**role, PolicyName=policy)
            iam.delete_role(**role)

    recorded = Path(__file__).with_name("recorded_requests.jsonl")
    remove_what_the_fixture_made(aws)
    new_ids: dict[str, str] = {}
    differences: list[str] = []
    for text in recorded.read_text().splitlines():
        line = json.loads(text)
        for old, new in new_ids.items():
            text = text.replace(old, new)
        answer = sent(aws, json.loads(text))
        now = {"status": answer.status_code, **outcome(answer.text)}
        new_ids.update(zip(line["ids"], now["ids"], strict=False))
        was = {name: line[name] for name in ("status", "code")}
        if line["provider"] and {**now, "ids": 0} != {**was, "ids": 0}:
            action = f"{line['method']} {line['host']}{line['path']} {line['body'][:300]}"
            differences.append(f"{action}: {was} became {now}: {answer.text[:300]}")
    assert not differences, "\n".join(differences)
