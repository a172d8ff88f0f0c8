"""Texts of a Resource element.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

import pytest

from irsa_core.decide.patterns import Key, ResourceTemplate, resource_problem
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT

TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/foo"
RED = "arn:aws:s3:::red"
GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:app:log-stream:one"
VALUES = {"aws:region": "us-east-1", "aws:team": "red", "aws:none": Key.ABSENT}


def matches(text, resource, **more):
    return ResourceTemplate(text, variables=True).matches(resource, VALUES.__getitem__, **more)


@pytest.mark.cases(("resource", "answers"), {
    "star for all, and for the end": (TABLE,
        {"*": True, "arn:aws:dynamodb:*": True, "arn:aws:dynamodb:*:table/foo": True}),
    "star for a part": (TABLE, {"arn:aws:dynamodb:us-east-1:*:table/foo": True,
        "arn:aws:dynamodb:*:*:*": True}),
    "stars within parts": (TABLE, {"arn:aws:dynamodb:us-*:111122223333:table/*o": True,
        "arn:aws:dynamodb:us-*-1:111122223333:table/foo": True}),
    # A star that does not end its part stays within it.
    "star that would leave its part": (TABLE,
        {"arn:aws:dynamodb:us-*e/foo": False, "arn:aws:dynamodb:u*1:table/foo": False}),
    "star in the partition": (TABLE, {"arn:a*s:dynamodb:*:table/foo": True,
        "arn:a*s:dynamodb:*:table/bar": False}),
    "text that ends too early": (TABLE, {"arn:a*s:dynamodb": False, "arn:a*s:dynamodb*": True,
        "a*o": False}),
    "stars in all parts": (TABLE, {"arn:*s:*:u*-1:1*3:*": True, "arn:*s:*:x*-1:1*3:*": False}),
    "no ARN": ("abc", {"a*c": True}),
    "star that would repeat text": ("arn:aws:s3:x:s:s3:x", {"arn:a*s:s3:x": False}),
    "second star too far": ("arn:q:x:b:y:xb", {"arn:*:x*b:y*": False}),
    "repeated part": ("arn:q:ab:ab", {"arn:*:a*b:*b": True}),
    "repeated part, one between": ("arn:q:ab:x:ab", {"arn:*:a*b:*b": False}),
    "log streams": (GROUP, {f"arn:aws:l*s:us-east-1:111122223333:log-group:*:{stream}":
        stream == "one" for stream in ("one", "two")}),
    # Variables stand behind the fifth colon only.
    "variable before the fifth colon": ("arn:aws:s3:red", {"arn:aws:s3:${aws:team}": False}),
    "variable in a path": ("arn:aws:s3:::bucket/red/x",
        {"arn:aws:s3:::bucket/${aws:team}/*": True}),
    "variable without a value": ("arn:aws:s3:::bucket/red/x",
        {"arn:aws:s3:::bucket/${aws:none}/*": False}),
    "variable for the region": (TABLE, {f"{start}:${{aws:region}}:111122223333:table/foo": False
        for start in ("arn:aws:dynamodb", "arn:a*s:dynamodb")}),
    "variable for a bucket": (RED, {"arn:a*s:s3:::${aws:team}": True,
        f"arn:a*s:s3:::{UNKNOWN_OUTPUT}": None}),
})  # fmt: skip
def test_a_text_fits_a_resource_as_aws_documents_it(resource, answers):
    for text, answer in answers.items():
        assert matches(text, resource) is answer


def test_what_a_notresource_makes_of_a_variable_without_value_is_open():
    text = "arn:a*s:s3:::${aws:none}"
    assert matches(text, RED, unresolved=None) is None
    assert matches(text, "arn:aws:sqs:::red", unresolved=None) is None
    assert ResourceTemplate(text, variables=True).unknown_keys(VALUES.__getitem__) == ["aws:none"]


def test_between_which_of_many_colons_a_star_ends_is_not_worked_out():
    assert matches("arn:a*s:s3:::*", "arn:aws:s3:::" + "a:" * 11) is True
    assert matches("arn:a*s:s3:::*", "arn:aws:s3:::" + "a:" * 12) is None
    assert matches("arn:a*x:s3:::*", "arn:aws:s3:::" + "a:" * 20) is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("bucket", 'Resource bucket must be in ARN format or "*".'),
        ("arn:foo:s3:::b", 'Partition "foo" is not valid for resource "arn:foo:s3:::b".'),
        ("a:b:c", 'Partition "b" is not valid for resource "arn:b:c:*:*:*".'),
        ("a:b:c:d:e:f:g", 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g".'),
        ("arn:aws", "Resource vendor must be fully qualified and cannot contain regexes."),
        ("arn:aws::::b", "The policy failed legacy parsing"),
        ("arn:aws:s3::b", "The policy failed legacy parsing"),
        ("arn:aws:s3:a::b", "Resource arn:aws:s3:a::b can not contain region information."),
        ("arn:aws:iam:a::b", "IAM resource arn:aws:iam:a::b cannot contain region information."),
        *((text, "") for text in ("*", "arn:aws:s3:::b/*", "arn:*:s3:::b", "arn:aws-us-gov:s3:::b",
          "arn:aws:s3:a:111122223333:accesspoint/a", "arn:aws:sqs:*", "arn:*", UNKNOWN_OUTPUT)),
    ],
)  # fmt: skip
def test_a_resource_that_iam_does_not_store_is_named_in_its_words(text, problem):
    assert resource_problem(text) == problem
