"""What the build tells the frozen program. The freeze replaces this file with the facts of the build."""

# The file and the folder that the bundled OpenSSL was compiled to read certificate authorities from.
OPENSSL_AUTHORITIES: tuple[str, ...] = ()

# The top-level packages that are bundled with their source.
SOURCE_PACKAGES: tuple[str, ...] = ()
