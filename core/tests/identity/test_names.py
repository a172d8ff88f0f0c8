"""Names that AWS gives rules for."""

import pytest

from irsa_core.identity.names import check_bucket_name, check_tags
from tests.support.refusal import refusal

BAD = ["ab", "Bucket", "a_b", "-ab", "ab-", "a..b", "192.168.1.1", "xn--abc", "x-s3alias"]


@pytest.mark.parametrize("name", [*BAD, "", "a" * 64])
def test_bucket_names_that_s3_refuses_are_refused(name):
    assert refusal(check_bucket_name, name).startswith(f"bucket name {name!r} is refused")
    for address in (f"s3://data{name.join('//')}", f"arn:aws-cn:s3:::data/{name}"):
        assert refusal(check_bucket_name, address).endswith(" is an address; give 'data' alone")
    for good in ("bucket-s3-app", "abc", "my.bucket.1", "a" * 63, "192.168.1.app", "1a2"):
        assert check_bucket_name(good) == good


@pytest.mark.cases(("tags", "message"), {
    "prefix of AWS": ({"AWS:owner": "me"},
        "tag 'AWS:owner': AWS keeps the prefix 'aws:' for itself"),
    "key in two cases": ({"Team": "a", "team": "b"},
        "tags 'Team' and 'team' are one key to IAM; remove one"),
    "51 tags": ({f"{n}": "" for n in range(51)}, "51 tags; AWS accepts 50, remove some"),
    "key of 129 characters": ({"k" * 129: ""}, "must be a key of 1 to 128"),
    "value of 257 characters": ({"k": "v" * 257}, "a value of at most 256"),
    "value with <": ({"k": "<b>"}, "tag 'k': '<b>' must be"),
})  # fmt: skip
def test_tags_that_iam_refuses_are_refused(tags, message):
    check_tags({**{f"{n}": "" for n in range(49)}, "Kostenstelle/Größe 1": "a_b.c:d/e=f+g-h@i"})
    assert message in refusal(check_tags, tags)
