"""Values of SDK settings that boto3 and the AWS CLI refuse. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html, and botocore's args.py,
config.py, session.py and utils.py: they raise an error before the first call.
"""

import re
from typing import Final

_ENDPOINTS, _NUMBER = "legacy|regional", range(-(2**31), 2**31)
_NESTED = r"\n(?!addressing_style|us_east_1)[^=\n]*=.*|\n"
_S3 = rf"\naddressing_style\s*=\s*(auto|virtual|path)|\nus_east_1\w+\s*=\s*({_ENDPOINTS})"
LIMITED: Final = {
    "retry_mode": "legacy|standard|adaptive",
    "max_attempts": range(1, 2**31),
    "defaults_mode": "(?i)legacy|auto|standard|in-region|cross-region|mobile",
    "sts_regional_endpoints": f"{_ENDPOINTS}|",
    "s3_us_east_1_regional_endpoint": _ENDPOINTS,
    "s3_disable_express_session_auth": "(?i)true|false",
    "account_id_endpoint_mode": "(?i)preferred|disabled|required",
    "request_checksum_calculation": "(?i)when_supported|when_required",
    "response_checksum_validation": "(?i)when_supported|when_required",
    "request_min_compression_size_bytes": range(1, 1048577),
    "metadata_service_timeout": _NUMBER,
    "metadata_service_num_attempts": _NUMBER,
    "ec2_metadata_service_endpoint": r"[a-z]+://\S+|",
    "ec2_metadata_service_endpoint_mode": "(?i)ipv4|ipv6",
    "ca_bundle": r"[\s\S]*\S[\s\S]*",
    "api_versions": rf"({_NESTED})+",
    "s3": rf"({_S3}|{_NESTED})+",
}
"""The settings that do not take every value, by key of the config file. The variable of a key is
``AWS_`` and the key in capitals; those that have lines of their own below have none."""
NESTED: Final = ("api_versions", "s3")


def is_taken(key: str, value: str) -> bool:
    """Return whether boto3 and the AWS CLI take a value of a setting."""
    allowed = LIMITED.get(key, r"(?s).*")
    if isinstance(allowed, range):
        number = value.strip()
        return number.removeprefix("-").isdecimal() and int(number) in allowed
    return re.fullmatch(allowed, value) is not None
