"""How the status of a link looks, the same in rows, trees and pictures. Pure."""

from irsa.verify.link import Status

MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.UNKNOWN: "?"}
