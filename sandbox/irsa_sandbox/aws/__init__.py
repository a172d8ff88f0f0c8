"""AWS of the sandbox: the emulator, and the checks in front of it. Imports nothing."""
