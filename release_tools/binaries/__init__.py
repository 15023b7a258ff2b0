"""Reading executables and native files of every platform by their bytes."""
