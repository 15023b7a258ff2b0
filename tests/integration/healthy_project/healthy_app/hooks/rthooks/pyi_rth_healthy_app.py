"""Name a folder of the bundle in a variable, as PyInstaller's hook of tkinter does."""

import os
import sys

os.environ["TCL_LIBRARY"] = sys._MEIPASS + "/_tcl_data"
