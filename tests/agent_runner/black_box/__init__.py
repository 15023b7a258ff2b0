"""Runs the whole program as a child process: from source, or the binary that AGENT_RUNNER_BINARY names."""
