"""Found by name only: no import statement leads here."""

TEMPLATE = "formal.txt"
