"""The source of a compiled module, as wheels by Cython and mypyc ship it. It isn't used, and isn't bundled."""
