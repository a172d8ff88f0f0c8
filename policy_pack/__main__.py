"""Entry point of the pack for the engine: `pulumi preview --policy-pack policy_pack`."""

from pulumi_policy import PolicyPack

from policy_pack.pack import policies

PolicyPack("irsa", policies())
