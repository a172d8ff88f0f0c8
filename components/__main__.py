"""Start the plugin of a checkout: Pulumi runs this folder."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # irsa is beside this folder

from irsa_components.package.__main__ import main

main()
