"""AWS as the sandbox plays it: the emulator, and what stands in front of it. Imports nothing."""
