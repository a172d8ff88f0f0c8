import pulumi

from irsa_components import AccessKeyUser, AccessKeyUserArgs

user = AccessKeyUser(
    "debug",
    AccessKeyUserArgs(
        policy_arns={"read": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"},
        key_version=2,  # one more is the next key
    ),
)
pulumi.export("access_key_id", user.access_key_id)
