"""What a build measured, as records, tables, Markdown and progress."""
