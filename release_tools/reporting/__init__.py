"""Build records, and their tables, Markdown, plots and progress lines."""
