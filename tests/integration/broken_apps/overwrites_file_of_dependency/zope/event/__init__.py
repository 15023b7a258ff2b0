"""Another version of zope.event."""
