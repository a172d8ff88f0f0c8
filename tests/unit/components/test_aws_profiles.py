"""The AWS config file of the chain, and the options that SDKs punish."""

import re
from pathlib import Path

import pytest
from botocore.configloader import load_config

from components.aws_profiles import ProfilesSpec, aws_config

ROLE_A = "arn:aws:iam::111122223333:role/s3-app-A"
ROLE_B = "arn:aws:iam::444455556666:role/s3-app-B"


def text(**options) -> str:
    return aws_config(
        ProfilesSpec(**options),
        role_a_arn=ROLE_A,
        role_b_arn=ROLE_B,
        token_file="/token",
        region="us-east-1",
    )


def test_profile_b_chains_from_profile_a():
    assert text() == (
        "[profile A]\n"
        f"role_arn = {ROLE_A}\n"
        "web_identity_token_file = /token\n"
        "role_session_name = xactarget\n"
        "region = us-east-1\n"
        "sts_regional_endpoints = regional\n"
        "\n"
        "[profile B]\n"
        f"role_arn = {ROLE_B}\n"
        "source_profile = A\n"
        "role_session_name = xactarget\n"
        "region = us-east-1\n"
        "sts_regional_endpoints = regional\n"
    )


def test_the_sdk_reads_what_was_written(tmp_path: Path):
    file = tmp_path / "config"
    options = {"own": "web", "target": "data", "external_id": "tenant-42", "duration_seconds": 1800}
    file.write_text(text(**options, session_name="s3-app"))

    assert load_config(str(file))["profiles"] == {
        "web": {
            "role_arn": ROLE_A,
            "web_identity_token_file": "/token",
            "role_session_name": "s3-app",
            "region": "us-east-1",
            "sts_regional_endpoints": "regional",
        },
        "data": {
            "role_arn": ROLE_B,
            "source_profile": "web",
            "external_id": "tenant-42",
            "duration_seconds": "1800",
            "role_session_name": "s3-app",
            "region": "us-east-1",
            "sts_regional_endpoints": "regional",
        },
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"duration_seconds": 3601},
            "durationSeconds 3601 is above 3600: a chained session lasts at most an hour",
        ),
        ({"duration_seconds": 900}, "durationSeconds 900 is not above 900: SDKs renew"),
        ({"duration_seconds": 0}, "durationSeconds 0 is not above 900: SDKs renew"),
        ({"own": "default"}, "profile 'default' would change what runs without a profile"),
        ({"target": "DEFAULT"}, "profile 'DEFAULT' would change what runs without a profile"),
        ({"own": "B"}, "both profiles are named 'B'; rename one"),
        ({"own": "a]"}, "profile name 'a]' may have letters"),
        ({"target": "a b"}, "profile name 'a b' may have letters"),
        ({"target": ""}, "profile name '' may have letters"),
        ({"session_name": "x"}, "session name 'x' must be 2 to 64"),
        ({"session_name": "system:serviceaccount:dev:s3-app"}, "a subject has colons"),
        ({"session_name": "x" * 65}, "must be 2 to 64"),
        ({"external_id": "x"}, "external id 'x' must be 2 to 1224"),
        ({"external_id": "a\nrole_arn = x"}, "must be 2 to 1224"),
    ],
)
def test_a_profile_that_would_misbehave_is_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ProfilesSpec(**options)


@pytest.mark.parametrize("seconds", [901, 3600])
def test_durations_between_the_refresh_window_and_the_hour_are_accepted(seconds):
    assert f"duration_seconds = {seconds}\n" in text(duration_seconds=seconds)
