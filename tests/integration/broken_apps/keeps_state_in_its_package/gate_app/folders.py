"""Where the app keeps its files."""

from pathlib import Path

STATE = Path(__file__).resolve().parent / "state.json"
