"""The libraries that every system of a platform has, so that no executable needs to bundle them."""

import re
from typing import Final

from release_tools.platforms import OperatingSystem

# The libraries of glibc, which must match one another and the kernel: what PyInstaller never bundles either
# (`_unix_excludes` in its depend/dylib.py). And zlib: PyInstaller's bootloader needs it before it can unpack anything,
# so every system that starts an executable has it, and a bundled copy would only hide why a start failed.
_LINUX: Final = (
    r"libz\.so\.1",
    r"ld-linux[-.\w]*\.so\.\d",
    r"lib(anl|c|dl|m|mvec|pthread|resolv|rt|thread_db|util)\.so\.\d",
)

# Part of macOS, most of them only in its shared cache (Apple's TN2206 and man dyld(1)).
_DARWIN: Final = (r"/usr/lib/.+", r"/System/Library/.+")

# API sets and the C runtime are part of Windows 10 and later (Microsoft, "Universal CRT deployment" and "Windows API
# sets"); the others are in its System32, and delvewheel never copies them (its _dll_list.py). The Visual C++ runtime
# (vcruntime140.dll, msvcp140.dll) isn't part of Windows.
_WINDOWS: Final = (
    r"(api|ext)-ms-win-[-\w]+\.dll",
    r"(advapi32|authz|avrt|bcrypt|bcryptprimitives|cabinet|cfgmgr32|combase|comctl32|comdlg32|credui|crypt32)\.dll",
    r"(cryptbase|d3d11|dbghelp|dhcpcsvc|dnsapi|dwmapi|dxgi|fwpuclnt|gdi32|hid|imm32|iphlpapi|kernel32|kernelbase)\.dll",
    r"(mpr|mscoree|msi|msimg32|mswsock|msvcrt|ncrypt|netapi32|normaliz|ntdll|ole32|oleacc|oleaut32|opengl32)\.dll",
    r"(pdh|powrprof|propsys|psapi|rpcrt4|rstrtmgr|secur32|setupapi|shell32|shlwapi|sspicli|ucrtbase|urlmon)\.dll",
    r"(user32|userenv|uxtheme|version|wininet|winhttp|winmm|wintrust|wldap32|ws2_32|wsock32|wtsapi32)\.dll",
    r"(aclui|activeds|dsound|ktmw32|loadperf|lz32|ntdsapi|odbc32|query|rasapi32|sfc)\.dll",
    r"winspool\.drv",
)

# They come with the graphics driver or the display server, and must match it, so PyInstaller leaves them to the system
# (`_unix_excludes` in its depend/dylib.py). Every Linux system with windows has them.
_DISPLAY: Final = re.compile(
    r"libxcb(-dri\w*)?\.so(\..*)?|lib(GL|GLX|OpenGL|EGL|GLESv\w+|GLdispatch|drm|cuda|cudadebugger)\.so(\..*)?"
    r"|libwayland-(client|cursor|egl|server)\.so(\..*)?|libnvidia-.+\.so(\..*)?",
    re.IGNORECASE,
)

_PATTERNS: Final[dict[OperatingSystem, re.Pattern[str]]] = {
    "linux": re.compile("|".join(_LINUX)),
    "darwin": re.compile("|".join(_DARWIN)),
    "windows": re.compile("|".join(_WINDOWS), re.IGNORECASE),
}


def is_system_library(library: str, system: OperatingSystem) -> bool:
    """Whether a library, as a native file names it, is part of every such system."""
    return _PATTERNS[system].fullmatch(library) is not None


def is_of_display(library: str, system: OperatingSystem) -> bool:
    """Whether a library is part of every such system that shows windows, but not of servers and containers."""
    return system == "linux" and _DISPLAY.fullmatch(library) is not None
