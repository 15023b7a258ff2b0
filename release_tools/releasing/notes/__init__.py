"""Release notes and the changelog."""
