"""What a killed run of the engine left, which components would otherwise refuse to make again.

The sandbox knows it from its providers' journal, and the components ask; neither imports the other.
On real accounts nobody knows it.
"""

LEFT_OVER: set[str] = set()
"""URNs of what a killed run made: the stack's own, although its state does not say so."""
