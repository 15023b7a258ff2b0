import pytest

from release_tools.binaries.system_libraries import is_system_library
from release_tools.platforms import OperatingSystem


@pytest.mark.parametrize(
    ("library", "system"),
    [
        ("libc.so.6", "linux"),
        ("libpthread.so.0", "linux"),
        ("ld-linux-x86-64.so.2", "linux"),
        ("ld-linux-aarch64.so.1", "linux"),
        ("/usr/lib/libSystem.B.dylib", "darwin"),
        ("/System/Library/Frameworks/Security.framework/Versions/A/Security", "darwin"),
        ("KERNEL32.dll", "windows"),
        ("api-ms-win-crt-runtime-l1-1-0.dll", "windows"),
        ("WINSPOOL.DRV", "windows"),
        ("libz.so.1", "linux"),
    ],
)
def test_system_library_is_recognized(library: str, system: OperatingSystem) -> None:
    assert is_system_library(library, system)


@pytest.mark.parametrize(
    ("library", "system"),
    [
        ("libstdc++.so.6", "linux"),
        ("libssl.so.3", "linux"),
        ("libc.musl-x86_64.so.1", "linux"),
        ("libcrypt.so.1", "linux"),
        ("/usr/local/lib/libpq.dylib", "darwin"),
        ("@rpath/libSystem.B.dylib", "darwin"),
        ("vcruntime140.dll", "windows"),
        ("python313.dll", "windows"),
        ("my-kernel32.dll", "windows"),
        ("kernel32.dll", "linux"),
    ],
)
def test_other_library_must_be_bundled(library: str, system: OperatingSystem) -> None:
    assert not is_system_library(library, system)
