"""The mark for the status of a link, in reports, trees and pictures. Pure."""

from irsa.verify.link import Status

MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.UNKNOWN: "?"}
