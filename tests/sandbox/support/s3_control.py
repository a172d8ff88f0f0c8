"""A client of S3 Control, which is at a host of each account's own, for the emulator."""

import ssl
from collections.abc import Iterator
from typing import Any

import boto3.session
import httpx2
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from sandbox.aws.accounts import REGION
from sandbox.aws.clients import Credentials
from tests.sandbox.support.aws_harness import Aws


def s3_control(aws: Aws, credentials: Credentials, **settings: Any) -> Any:
    """A boto3 client that signs for the real host, and asks the emulator."""
    trusted = ssl.create_default_context(cafile=aws.authority.ca_file)
    client: Any = boto3.session.Session(*credentials, REGION).client(
        "s3control", config=Config(retries={"total_max_attempts": 1}, **settings)
    )

    def ask_emulator(request: AWSPreparedRequest, **_kwargs: Any) -> AWSResponse:
        url = httpx2.URL(request.url)
        with httpx2.Client(verify=trusted) as http:
            headers = {
                name: value.decode() if isinstance(value, bytes) else str(value)
                for name, value in request.headers.items()
            }
            response = http.request(
                str(request.method),
                aws.emulator.endpoint + url.raw_path.decode(),
                headers={**headers, "host": url.host},
                content=request.body,
            )
        return AWSResponse(
            request.url, response.status_code, dict(response.headers), _Raw(response.content)
        )

    client.meta.events.register("before-send.s3-control", ask_emulator)
    return client


class _Raw:
    """A body as botocore reads one."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content
