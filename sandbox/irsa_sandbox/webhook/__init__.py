"""The pod identity webhook. Imports nothing."""
