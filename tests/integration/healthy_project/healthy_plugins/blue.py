"""A plugin that nothing imports."""
