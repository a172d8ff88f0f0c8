"""Entry point of the pack for the engine: `pulumi preview --policy-pack policy_pack`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # irsa, and this package by its name

from pulumi_policy import PolicyPack

from policy_pack.pack import policies

PolicyPack("irsa", policies())
