"""The scripts that install a released program in one line: `install.sh` and `install.ps1`, and what fills them in."""
