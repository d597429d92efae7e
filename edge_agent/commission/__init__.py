"""Commissioning: what a person does at the box before and beside the agent."""
