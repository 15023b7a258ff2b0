"""Tests of single functions of agent_runner, in this process."""
