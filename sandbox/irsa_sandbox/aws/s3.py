"""S3 and S3 Control in front of MiniStack: settings of a bucket that it answers otherwise, and the
tags of buckets, which the aws provider reads and writes by S3 Control.

MiniStack answers at S3 Control's path, whatever the host, and for buckets that do not exist.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from . import errors
from .errors import AwsError, Response
from .front import Query
from .hosts import parse_host
from .query_protocol import service_model
from .records import Records

List = Callable[[str, Query], Response]

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
ACCESS_BLOCKS = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)

TAGS = "/v20180820/tags/"
_CONTROL = "http://awss3control.amazonaws.com/doc/2018-08-20/"
_ACTIONS = {"DELETE": "s3:UntagResource", "GET": "s3:ListTagsForResource", "POST": "s3:TagResource"}
_BUCKET = re.compile(r"arn:aws:s3:::(?P<name>[a-z0-9.-]+)")


def list_objects(
    list_them: List, request_payment: Callable[[str], Response], bucket: str, query: Query
) -> Response:
    """``list_them`` for requests that ask for a list, and nothing else.

    MiniStack looks for the request payment by another name than S3's.
    """
    if "requestPayment" in query:
        return request_payment(bucket)
    for name in sorted(_settings() & query.keys()):
        refusal = errors.not_in_sandbox(f"GET ?{name} of a bucket")
        return errors.as_response(refusal, "s3", f"/{bucket}")
    return list_them(bucket, query)


def put_access_block(put: Callable[[str, bytes], Response], bucket: str, body: bytes) -> Response:
    """``put`` with all four settings, as S3 shows them: one that is left out is off.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PublicAccessBlockConfiguration.html
    """
    try:
        texts = {child.tag.rpartition("}")[2]: child.text for child in _parsed(body)}
    except AwsError as error:
        return errors.as_response(error, "s3", f"/{bucket}")
    settings = "".join(f"<{tag}>{texts.get(tag, 'false')}</{tag}>" for tag in ACCESS_BLOCKS)
    name = "PublicAccessBlockConfiguration"
    return put(bucket, f'<{name} xmlns="{_NAMESPACE}">{settings}</{name}>'.encode())


@cache
def _settings() -> set[str]:
    """Subresources of a bucket: the names in ``GET /BUCKET?NAME``."""
    model = service_model("s3")
    requests = [model.operation_model(name).http for name in model.operation_names]
    paths = [http["requestUri"] for http in requests if http["method"] == "GET"]
    found = {path.partition("?")[2].partition("&")[0] for path in paths if "/{Key+}" not in path}
    return {name for name in found if name and "=" not in name}


class S3Control:
    """Answers requests to an account's own host of S3 Control."""

    def __init__(self, app: Any, records: Records) -> None:
        """``app`` is MiniStack's, which knows who may do what."""
        self._app = app
        self._records = records

    async def handle(
        self,
        path: str,
        method: str,
        body: bytes,
        query: Query,
        request_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> Response | None:
        """Answer a request; None for one that is not for S3 Control."""
        headers = headers or {}
        host = parse_host(headers.get("host", "").partition(":")[0])
        if host is None or host.service != "s3-control":
            return None
        try:
            action = _ACTIONS.get(method)
            if not path.startswith(TAGS) or action is None:
                raise errors.not_in_sandbox(f"S3 Control, {method} {path},")
            arn = unquote(path.removeprefix(TAGS))
            caller = ("s3", action, headers, query, request_id)
            names = {"resource_arn": arn, "named_resource": f'"{arn}"'}
            if denied := self._app._enforce_data_plane(*caller, **names):
                return denied
            named = {host.label, headers.get("x-amz-account-id", "")}
            if named != {self._records.account()}:
                raise errors.access_denied()
            return self._answer(action, self._bucket(arn), body, query)
        except AwsError as error:
            return errors.as_response(error, "s3-control")

    def _answer(self, action: str, bucket: str, body: bytes, query: Query) -> Response:
        stored = self._records.bucket_tags  # of buckets that have any
        tags = dict(stored.get(bucket, {}))
        if action == "s3:ListTagsForResource":
            return 200, {"Content-Type": "application/xml"}, _shown(tags)
        if action == "s3:TagResource":
            elements = _parsed(body).iterfind("{*}Tags/{*}Tag")
            tags |= {tag.findtext("{*}Key", ""): tag.findtext("{*}Value", "") for tag in elements}
        else:
            tags = {key: tags[key] for key in tags if key not in query.get("tagKeys", ())}
        if tags:
            stored[bucket] = tags
        else:  # as S3 itself has it, whose GetBucketTagging finds no set of tags then
            stored.pop(bucket, None)
        return 204, {}, b""

    def _bucket(self, arn: str) -> str:
        match = _BUCKET.fullmatch(arn)
        if match is None:
            raise errors.not_in_sandbox(f"S3 Control's tags of {arn!r}")
        if match["name"] not in self._records.buckets:
            raise errors.no_such_resource()
        return match["name"]


def _parsed(body: bytes) -> ET.Element:
    try:
        if b"<!" not in body:  # declarations, which could blow up; no SDK sends any
            return ET.fromstring(body)  # noqa: S314 - without declarations
    except ET.ParseError as error:
        raise errors.malformed_xml() from error
    raise errors.malformed_xml()


def _shown(tags: Mapping[str, str]) -> bytes:
    items = "".join(
        f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>"
        for key, value in tags.items()
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListTagsForResourceResult xmlns="{_CONTROL}">'
        f"<Tags>{items}</Tags></ListTagsForResourceResult>"
    ).encode()
