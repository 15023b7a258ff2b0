"""GitHub's API, releases, workflow runs and runners."""
