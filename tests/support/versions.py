"""Marks of tests for features that are newer than the oldest SDKs, where they must be refused."""

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pytest

DELETION_PROTECTION = hasattr(eks.ClusterArgs, "deletion_protection")


def _refused(condition: bool, reason: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(condition, raises=pulumi.RunError, strict=True, reason=reason)


SESSION_POLICY = hasattr(aws.eks.PodIdentityAssociationArgs, "policy")
needs_deletion_protection = _refused(not DELETION_PROTECTION, "needs pulumi-eks 4.1")
needs_session_policy = _refused(not SESSION_POLICY, "needs pulumi-aws 7.40")
