"""Texts of a Resource element.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

import pytest

from command.tests.decide.scenarios import allow, decision, document, list_step, scenario
from irsa.decide.json_input import InputError
from irsa.decide.patterns import Key
from irsa.decide.resource_patterns import ResourceTemplate, resource_problem
from irsa.decide.scenario import scenario_from
from irsa.identity.outputs import UNKNOWN_OUTPUT

TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/foo"
GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:app:log-stream:one"
VALUES = {"aws:region": "us-east-1", "aws:team": "red", "aws:none": Key.ABSENT}


def matches(text, resource, **more):
    return ResourceTemplate(text, variables=True).matches(resource, VALUES.__getitem__, **more)


@pytest.mark.parametrize(
    ("text", "resource", "answer"),
    [
        ("*", TABLE, True),
        ("arn:aws:dynamodb:*", TABLE, True),
        ("arn:aws:dynamodb:us-east-1:*:table/foo", TABLE, True),
        ("arn:aws:dynamodb:*:*:*", TABLE, True),
        ("arn:aws:dynamodb:*:table/foo", TABLE, True),
        ("arn:aws:dynamodb:us-*:111122223333:table/*o", TABLE, True),
        ("arn:aws:dynamodb:us-*-1:111122223333:table/foo", TABLE, True),
        # A star that does not end its part stays within it.
        ("arn:aws:dynamodb:us-*e/foo", TABLE, False),
        ("arn:aws:dynamodb:u*1:table/foo", TABLE, False),
        ("arn:a*s:dynamodb:*:table/foo", TABLE, True),
        ("arn:a*s:dynamodb:*:table/bar", TABLE, False),
        ("arn:a*s:dynamodb", TABLE, False),
        ("arn:a*s:dynamodb*", TABLE, True),
        ("arn:*s:*:u*-1:1*3:*", TABLE, True),
        ("arn:*s:*:x*-1:1*3:*", TABLE, False),
        ("a*o", TABLE, False),
        ("a*c", "abc", True),
        ("arn:a*s:s3:x", "arn:aws:s3:x:s:s3:x", False),
        ("arn:*:x*b:y*", "arn:q:x:b:y:xb", False),
        ("arn:aws:s3:${aws:team}", "arn:aws:s3:red", False),
        ("arn:*:a*b:*b", "arn:q:ab:ab", True),
        ("arn:*:a*b:*b", "arn:q:ab:x:ab", False),
        ("arn:aws:l*s:us-east-1:111122223333:log-group:*:one", GROUP, True),
        ("arn:aws:l*s:us-east-1:111122223333:log-group:*:two", GROUP, False),
        # Variables stand behind the fifth colon only.
        ("arn:aws:s3:::bucket/${aws:team}/*", "arn:aws:s3:::bucket/red/x", True),
        ("arn:aws:s3:::bucket/${aws:none}/*", "arn:aws:s3:::bucket/red/x", False),
        ("arn:aws:dynamodb:${aws:region}:111122223333:table/foo", TABLE, False),
        ("arn:a*s:dynamodb:${aws:region}:111122223333:table/foo", TABLE, False),
        ("arn:a*s:s3:::${aws:team}", "arn:aws:s3:::red", True),
        (f"arn:a*s:s3:::{UNKNOWN_OUTPUT}", "arn:aws:s3:::red", None),
    ],
)
def test_a_text_fits_a_resource_as_aws_documents_it(text, resource, answer):
    assert matches(text, resource) is answer


def test_what_a_notresource_makes_of_a_variable_without_value_is_open():
    text = "arn:a*s:s3:::${aws:none}"

    assert matches(text, "arn:aws:s3:::red", unresolved=None) is None
    assert matches(text, "arn:aws:sqs:::red", unresolved=None) is None
    assert ResourceTemplate(text, variables=True).unknown_keys(VALUES.__getitem__) == ["aws:none"]


def test_between_which_of_many_colons_a_star_ends_is_not_worked_out():
    resource = "arn:aws:s3:::" + "a:" * 20

    assert matches("arn:a*s:s3:::*", "arn:aws:s3:::" + "a:" * 11) is True
    assert matches("arn:a*s:s3:::*", "arn:aws:s3:::" + "a:" * 12) is None
    assert matches("arn:a*s:s3:::*", resource) is None
    assert matches("arn:a*x:s3:::*", resource) is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("bucket", 'Resource bucket must be in ARN format or "*".'),
        ("", 'Resource  must be in ARN format or "*".'),
        ("arn:foo:s3:::b", 'Partition "foo" is not valid for resource "arn:foo:s3:::b".'),
        ("a:b:c", 'Partition "b" is not valid for resource "arn:b:c:*:*:*".'),
        ("a:b:c:d:e", 'Partition "b" is not valid for resource "arn:b:c:d:e:*".'),
        ("a:b:c:d:e:f:g", 'Partition "b" is not valid for resource "arn:b:c:d:e:f:g".'),
        ("arn:aws", "Resource vendor must be fully qualified and cannot contain regexes."),
        ("arn:aws::::b", "The policy failed legacy parsing"),
        ("arn:aws:s3::b", "The policy failed legacy parsing"),
        (
            "arn:aws:s3:us-east-1::b",
            "Resource arn:aws:s3:us-east-1::b can not contain region information.",
        ),
        (
            "arn:aws:iam:us-east-1:111122223333:role/b",
            (
                "IAM resource arn:aws:iam:us-east-1:111122223333:role/b "
                "cannot contain region information."
            ),
        ),
        ("*", ""),
        ("arn:aws:s3:::b/*", ""),
        ("arn:*:s3:::b", ""),
        ("arn:aws-us-gov:s3:::b", ""),
        ("arn:aws:s3:us-east-1:111122223333:accesspoint/a", ""),
        ("arn:aws:sqs:*", ""),
        ("arn:*", ""),
        (UNKNOWN_OUTPUT, ""),
    ],
)
def test_a_resource_that_iam_does_not_store_is_named_in_its_words(text, problem):
    assert resource_problem(text) == problem


def test_such_a_policy_is_wrong_input():
    step = list_step(identity_policies=[document(allow("s3:*", "bucket"))])

    with pytest.raises(InputError, match=r"identity_policies\[1\]\.Statement\[1\]\.Resource: "):
        scenario_from(scenario(step))


@pytest.mark.parametrize("action", ["vpc-lattice:AssociateViaAWSService-EventsAndStates", "s3.x:Y"])
def test_an_action_may_have_a_hyphen(action):
    step = list_step(identity_policies=[document(allow([action, "s3:*"], "*"))], principal=None)

    assert decision(step) == "unknown"
