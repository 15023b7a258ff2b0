"""Packages of a release for package managers: Homebrew, Scoop, winget, deb and rpm. `invoke packages` writes them."""
