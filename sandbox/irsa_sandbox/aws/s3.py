"""S3 in front of MiniStack: settings of a bucket that it answers otherwise.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from botocore.session import get_session

from . import errors
from .errors import Response
from .query_protocol import Query

List = Callable[[str, Query], Response]
Put = Callable[[str, bytes], Response]

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
ACCESS_BLOCKS = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)


def list_objects(list_them: List, request_payment: Callable[[str], Response]) -> List:
    """``list_them`` for requests that ask for a list, and nothing else.

    MiniStack looks for the request payment by another name than S3's.
    """
    settings = _settings()

    def answer(bucket: str, query: Query) -> Response:
        if "requestPayment" in query:
            return request_payment(bucket)
        for name in sorted(settings & query.keys()):
            return errors.as_s3(errors.not_in_sandbox(f"GET ?{name} of a bucket"), f"/{bucket}")
        return list_them(bucket, query)

    return answer


def put_access_block(put: Put) -> Put:
    """``put`` with all four settings, as S3 shows them: one that is left out is off.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PublicAccessBlockConfiguration.html
    """

    def answer(bucket: str, body: bytes) -> Response:
        try:
            root = ET.fromstring(body)  # noqa: S314 - of the machine's own user
        except ET.ParseError:
            return errors.as_s3(errors.malformed_xml(), f"/{bucket}")
        given = {child.tag.rpartition("}")[2]: child.text for child in root}
        settings = "".join(f"<{each}>{given.get(each, 'false')}</{each}>" for each in ACCESS_BLOCKS)
        name = "PublicAccessBlockConfiguration"
        return put(bucket, f'<{name} xmlns="{_NAMESPACE}">{settings}</{name}>'.encode())

    return answer


def _settings() -> set[str]:
    """Subresources of a bucket: the names in ``GET /BUCKET?NAME``."""
    model: Any = get_session().get_service_model("s3")
    requests = [model.operation_model(name).http for name in model.operation_names]
    paths = [http["requestUri"] for http in requests if http["method"] == "GET"]
    found = {path.partition("?")[2].partition("&")[0] for path in paths if "/{Key+}" not in path}
    return {name for name in found if name and "=" not in name}
