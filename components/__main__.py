"""Start the plugin of a checkout: Pulumi runs this folder."""

from irsa_components.package.__main__ import main

main()
