"""What happens between five verified archives and a public release on GitHub."""
