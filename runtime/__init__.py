"""Plumbing that edge, hub and simulator share."""
