"""GitHub's API, workflows and runners."""
