"""Chains and stacks as trees and Mermaid flowcharts. Imports nothing."""
