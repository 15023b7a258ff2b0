"""From five verified archives to a published release on GitHub."""
