"""All teams of a platform, in a loop over their names."""

import pulumi
from team import Team

import irsa_components as irsa

same_name = f"{pulumi.get_organization()}/platform/{pulumi.get_stack()}"
stack = pulumi.StackReference(pulumi.Config().get("platform") or same_name)
platform = irsa.StackCluster("platform", stack)

teams = [Team(name, platform) for name in pulumi.Config().require_object("teams")]
pulumi.export("buckets", {team.pulumi_resource_name: team.bucket_name for team in teams})
