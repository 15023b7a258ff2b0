"""The checks that ask the executable's probe twin."""
