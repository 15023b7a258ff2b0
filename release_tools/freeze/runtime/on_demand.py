"""Unpacks a file when the program needs it: most programs use a small part of what they bundle.

An extension module comes, with its libraries, when it's imported; data when its package is. Whatever else opens, lists
or loads a file is noticed by Python's audit events. So the program sees every file as if it had been there all along.
"""

import _thread
import contextlib
import functools
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib.machinery import FileFinder, ModuleSpec
from typing import Any

from . import bootloader, payload, unpacking

# The folders of distributions' metadata. Nothing imports them before they're read.
METADATA_SUFFIXES = (".dist-info", ".egg-info")
# Names all files of its distribution. Programs look whether those exist, which is no audit event.
RECORD = "RECORD"

PERMISSIONS = {
    payload.NATIVE_ON_IMPORT: 0o700,
    payload.LINK_ON_IMPORT: 0o700,
    payload.NATIVE_ON_DEMAND: 0o700,
    payload.DATA_ON_DEMAND: 0o600,
    payload.SOURCE_ON_DEMAND: 0o600,
}

# What comes with the import of a package.
WITH_PACKAGE = {payload.NATIVE_ON_DEMAND, payload.DATA_ON_DEMAND}

# In bytes, compressed. Several processes that begin together may each write a whole folder of such files.
SMALL = 4096
# For the names of what's being written.
numbers = itertools.count()

IS_WINDOWS = sys.platform == "win32"
# Lists folders too, but unpacks a module itself before it looks for it there.
IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"
# Looks for nothing but folders of metadata.
METADATA_READERS = tuple(
    name.replace("/", os.sep) for name in ("importlib/metadata/__init__.py", "importlib_metadata/__init__.py")
)


def install(entries: list[payload.Entry]) -> None:
    """Look out for whatever needs the files."""
    files = FilesOnDemand(getattr(sys, "_MEIPASS", ""), entries)
    if files.waiting:
        files.create_folders_on_path()
        sys.meta_path.insert(0, files)
        FileFinder.find_spec = files.before_find_spec(FileFinder.find_spec)  # type: ignore[method-assign]
        sys.addaudithook(files.watch)
        unpackers.append(files)


# Whatever has files to unpack: one, or none.
unpackers: list["FilesOnDemand"] = []


def unpack_all() -> None:
    """Unpack everything that is still missing, for what comes next can't."""
    for files in unpackers:
        files.bring(*files.all_waiting())


def wait_no_more() -> None:
    """Don't wait for the folder from now on, in the process that puts it back."""
    for files in unpackers:
        files.may_wait = False


def key_of(path: str) -> str:
    """What the same file has in common, however its path is written."""
    return path.replace("\\", "/").lower() if IS_WINDOWS else path


class FilesOnDemand:
    """The files of the bundle that aren't unpacked yet, by their path in it.

    Several threads and processes may unpack the same file: the first wins. There are no locks, which a fork would copy.
    """

    def __init__(self, root: str, entries: list[payload.Entry]) -> None:
        self.root = root
        self.entries = entries
        self.prefixes = tuple(f"{key_of(path)}/" for path in dict.fromkeys((root, os.path.realpath(root))))
        self.waiting: dict[str, payload.Entry] = {}
        # Files by the package that brings them, and extension modules by the last part of their name.
        self.packages: dict[str, list[str]] = {}
        self.modules: dict[str, list[str]] = {}
        self.metadata: set[str] = set()
        # The threads that unpack something now, which raises the same events.
        self.unpacking: set[int] = set()
        # On Windows, the bootloader can't remove what is in use.
        self.may_wait = not IS_WINDOWS
        for entry in entries:
            kind = entry[0]
            if kind in PERMISSIONS:
                key = key_of(entry[1])
                self.waiting[key] = entry
                if kind == payload.NATIVE_ON_IMPORT:
                    folder, _, file = entry[1].rpartition("/")
                    stem = file.partition(".")[0]
                    if stem == "__init__":
                        folder, _, stem = folder.rpartition("/")
                    self.modules.setdefault(stem, []).append(key)
                elif (name := entry[1].partition("/")[0]).endswith(METADATA_SUFFIXES):
                    self.metadata.add(name)
                    continue
                self.packages.setdefault(key.partition("/")[0], []).append(key)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        """Unpack the data of a top-level package, for the other finders."""
        self.wait_for_folder()
        if path is None:
            self.bring_package(name)
        return None

    def bring_package(self, name: str) -> None:
        keys = self.packages.get(key_of(name))
        if keys is not None:
            entries = {key: entry for key in keys if (entry := self.waiting.get(key))}
            self.bring(*(key for key, (kind, *_) in entries.items() if kind in WITH_PACKAGE))
            # Python looks for modules only in folders that exist when it first comes by.
            for folder in {name.rpartition("/")[0] for _, name, *_ in entries.values()}:
                self.create_folder(folder)
            # Last, for another thread that imports the package must not go on without its folders.
            self.packages.pop(key_of(name), None)

    def all_waiting(self) -> list[str]:
        """The keys at this moment: other threads unpack files meanwhile."""
        return [*self.waiting]

    def create_folders_on_path(self) -> None:
        """Create the folders on the import path that have nothing yet."""
        for folder in sys.path:
            inside = self.inside(folder)
            if inside and any(key.startswith(f"{inside}/") for key in self.all_waiting()):
                self.create_folder(inside)

    def create_folder(self, name: str) -> None:
        with self.unpacks(), self.opened_root() as root:
            path, start = (f"{self.root}/{name}/", len(self.root) + 1) if root is None else (f"{name}/", 0)
            unpacking.create_folders(path, start, below=root)

    def before_find_spec(self, find_spec: Any) -> Any:
        """The method of Python's finder for a folder, wrapped: before, it unpacks the module that is looked for."""

        def wrapper(finder: Any, fullname: str, target: Any = None) -> ModuleSpec | None:
            stem = fullname.rpartition(".")[2]
            self.wait_for_folder()
            inside = self.inside(finder.path) if self.waiting else None
            if inside is not None:
                prefix = f"{inside}/{stem}".lstrip("/")
                named = (each for each in self.modules.get(stem, ()) if each.rpartition("/")[0] in {inside, prefix})
                keys = [key for key in (*named, f"{prefix}.py", f"{prefix}/__init__.py") if key in self.waiting]
                if keys:
                    self.bring(*keys)
                    # It may have listed the folder within the same tick of the clock.
                    finder.invalidate_caches()
            spec: ModuleSpec | None = find_spec(finder, fullname, target)
            return spec

        return wrapper

    @functools.cached_property
    def folders(self) -> dict[str, dict[str, str]]:
        """The files and subfolders of each folder, by their keys. Only those who list folders need it."""
        folders: dict[str, dict[str, str]] = {}
        for key, (_, name, *_) in [*self.waiting.items()]:
            end = len(key)
            while end > 0:
                begin = key.rfind("/", 0, end)
                folders.setdefault(key[: max(begin, 0)], {})[key[:end]] = name[:end]
                end = begin
        return folders

    @functools.cached_property
    def libraries(self) -> dict[str, tuple[str, ...]]:
        """The files that must be there before a native file is loaded, by its name."""
        return payload.read_libraries(self.entries)

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook: unpack what an event is about."""
        if event not in WATCHED or _thread.get_ident() in self.unpacking:
            return
        self.wait_for_folder()
        if self.waiting:
            WATCHED[event](self, arguments)

    def opened(self, arguments: tuple[Any, ...]) -> None:
        inside = self.inside(arguments[0])
        # The bundle itself is opened at every start, to lock it.
        if not inside:
            return
        if inside in self.waiting:
            folder, _, file = inside.rpartition("/")
            is_record = file == key_of(RECORD) and folder.endswith(METADATA_SUFFIXES)
            self.bring(*(self.all_waiting() if is_record else (inside,)))
        else:
            self.reveal(inside)

    def listed(self, arguments: tuple[Any, ...]) -> None:
        folder = arguments[0] if arguments else None
        if type(folder) is int:
            folder = path_of_descriptor(folder)
        inside = self.inside("." if folder is None else folder)
        if inside is None:
            return
        # The frame that called the function that raised the event that called `watch`.
        caller = sys._getframe(2).f_code.co_filename  # noqa: SLF001
        if caller.endswith(METADATA_READERS):
            self.reveal_metadata()
        elif caller != IMPORT_SYSTEM:
            self.reveal(inside)

    def loaded(self, arguments: tuple[Any, ...]) -> None:
        """A library, by its path or name."""
        for name in arguments:
            if isinstance(name, str) and name and "/" not in name and not IS_WINDOWS:
                self.bring(*(key for key in self.all_waiting() if key.rpartition("/")[2] == name))
            elif (inside := self.inside(name)) is not None:
                self.bring(inside, f"{inside}.so", f"{inside}.dll")

    def imported(self, arguments: tuple[Any, ...]) -> None:
        # Another finder may come first.
        self.bring_package(arguments[0].partition(".")[0])
        if arguments[1] is not None:
            self.loaded(arguments[1:2])

    def mentioned(self, arguments: tuple[Any, ...]) -> None:
        """Paths among the arguments of a call, or of a program that it starts, which may use all that's below."""
        for argument in arguments:
            for path in argument if isinstance(argument, list | tuple) else (argument,):
                inside = self.inside(path)
                if inside:
                    self.bring(inside, *(key for key in self.all_waiting() if key.startswith(f"{inside}/")))

    def inside(self, path: Any) -> str | None:
        """The path in the bundle, "" for the bundle itself; None if it isn't there."""
        if type(path) is not str:
            try:
                path = os.fsdecode(path)
            except TypeError:
                return None
        if not os.path.isabs(path):  # noqa: PTH117
            try:
                path = os.path.abspath(path)  # noqa: PTH100
            except OSError:
                return None
        key = key_of(path)
        for prefix in self.prefixes:
            if key.startswith(prefix):
                inside = key[len(prefix) :]
                # Collapses "..", "." and double separators.
                return (
                    key_of(os.path.normpath(inside)) if "/." in f"/{inside}" or "//" in inside else inside.rstrip("/")
                )
            if key == prefix[:-1]:
                return ""
        return None

    def reveal(self, folder: str) -> None:
        """Unpack the files in a folder, and create its subfolders, so that a list has all of them."""
        inside = self.folders.pop(folder, {})
        self.bring(*inside)
        for key, name in inside.items():
            if key in self.folders:
                self.create_folder(name)

    def reveal_metadata(self) -> None:
        """Create the folders of distributions' metadata."""
        for name in self.metadata:
            self.create_folder(name)
        self.metadata.clear()

    def bring(self, *keys: str) -> None:
        """Unpack these files, with the libraries that they need.

        Ends the program if that's impossible: it can't go on without them, and must not take them for optional.
        """
        wanted = [entry for key in keys if (entry := self.waiting.get(key))]
        if not wanted:
            return
        with self.unpacks(), self.opened_root() as root:
            folders = self.by_folder(wanted)
            for folder, entries in folders.items():
                if root is None or not are_small(entries) or not self.unpack_folder(folder, entries, root):
                    for entry in entries:
                        self.unpack(entry, root)
            self.wait_for_folder()
            # Last, for another thread that needs a file must not go on before everything that it needs is there.
            for entries in folders.values():
                for entry in entries:
                    self.waiting.pop(key_of(entry[1]), None)

    def by_folder(self, wanted: list[payload.Entry]) -> dict[str, list[payload.Entry]]:
        """Files, and the libraries that they need, by the first folder in their paths."""
        folders: dict[str, list[payload.Entry]] = {}
        for name in dict.fromkeys(name for entry in wanted for name in (*self.libraries.get(entry[1], ()), entry[1])):
            if entry := self.waiting.get(key_of(name)):
                folders.setdefault(name.partition("/")[0], []).append(entry)
        return folders

    @contextlib.contextmanager
    def unpacks(self) -> Iterator[None]:
        """Ignore the events of this thread, and end the program if something can't be written."""
        thread = _thread.get_ident()
        is_nested = thread in self.unpacking
        self.unpacking.add(thread)
        try:
            yield
        except OSError as error:
            unpacking.report(error)
            raise SystemExit(1) from None
        finally:
            if not is_nested:
                self.unpacking.discard(thread)

    @contextlib.contextmanager
    def opened_root(self) -> Iterator[int | None]:
        """The folder of the bundle, which may be without its name for a moment. Windows opens no folders."""
        root = None if IS_WINDOWS else self.open_root()
        try:
            yield root
        finally:
            if root is not None:
                os.close(root)

    def open_root(self) -> int:
        self.wait_for_folder()
        with contextlib.suppress(FileNotFoundError):
            root = os.open(self.root, os.O_RDONLY)
            if has_marker(root):
                return root
            os.close(root)
        # It was renamed in between.
        self.wait_for_folder()
        return os.open(self.root, os.O_RDONLY)

    def unpack_folder(self, folder: str, entries: list[payload.Entry], root: int) -> bool:
        """Unpack files into a new folder, which saves giving each its name; False if the folder was there first."""
        if os.path.lexists(f"{self.root}/{folder}"):
            return False
        unfinished = unfinished_name(folder)
        paths = [f"{unfinished}{entry[1][len(folder) :]}" for entry in entries]
        is_renamed = False
        try:
            for entry, path in zip(entries, paths, strict=True):
                with_folders(write_entry, entry, path, root)
            with contextlib.suppress(OSError):
                os.rename(unfinished, folder, src_dir_fd=root, dst_dir_fd=root)
                is_renamed = True
        finally:
            if not is_renamed:
                remove_folder(unfinished, paths, root)
        return is_renamed

    def unpack(self, entry: payload.Entry, root: int | None) -> None:
        """Unpack a file, unless it's there, with the folders that it's in."""
        absolute = f"{self.root}/{entry[1]}"
        if os.path.lexists(absolute):
            return
        path, start = (absolute, len(self.root) + 1) if root is None else (entry[1], 0)
        with_folders(place, entry, path, root, start)

    def wait_for_folder(self) -> None:
        """Wait while the bootloader removes what it takes for the folder; see `unpacked_folder.keep`.

        The first process doesn't wait: that happens when it ends.
        """
        if (
            self.may_wait
            and os.getpid() != bootloader.first_process
            and os.path.lexists(kept := f"{self.root}{unpacking.KEPT}")
        ):
            process = bootloader.process_of(self.root)
            deadline = time.monotonic() + unpacking.END_SECONDS
            while os.path.lexists(kept) and time.monotonic() < deadline:
                if process and not bootloader.is_alive(process):
                    process = 0
                    deadline = time.monotonic() + unpacking.BOOTLOADER_SECONDS
                time.sleep(0.001)
            # The process that puts it back may have been killed: don't wait once more for each file.
            self.may_wait = not os.path.lexists(kept)


def with_folders(
    make: Callable[[payload.Entry, str, int | None], None],
    entry: payload.Entry,
    path: str,
    below: int | None,
    start: int = 0,
) -> None:
    """Make a file, with the folders that it's in, which mostly exist, from this position in its path on."""
    try:
        make(entry, path, below)
    except FileNotFoundError:
        unpacking.create_folders(path, start, below=below)
        make(entry, path, below)


def write_entry(entry: payload.Entry, path: str, below: int | None) -> None:
    """Write a file or link of the bundle. Raises `FileExistsError` if there's one already."""
    kind, _, position, size, is_compressed = entry
    if kind == payload.LINK_ON_IMPORT:
        target = b"".join(payload.chunks(position, size, is_compressed=is_compressed)).rstrip(b"\0").decode()
        os.symlink(target, path, dir_fd=below)
    else:
        unpacking.write(path, position, size, PERMISSIONS[kind], is_compressed=is_compressed, below=below)


def place(entry: payload.Entry, path: str, below: int | None) -> None:
    """Write a file under another name, and give it its own at once, unless there's one already."""
    if entry[0] == payload.LINK_ON_IMPORT:
        with contextlib.suppress(FileExistsError):
            write_entry(entry, path, below)
        return
    unfinished = unfinished_name(path)
    try:
        write_entry(entry, unfinished, below)
        move(unfinished, path, below)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(unfinished, dir_fd=below)


def unfinished_name(path: str) -> str:
    """What this process calls a file or folder while it writes it."""
    return f"{path}.{os.getpid()}-{next(numbers)}"


def are_small(entries: list[payload.Entry]) -> bool:
    """Whether there are several files, and giving each its name costs more than writing them."""
    return len(entries) > 1 and sum(size for *_, size, _ in entries) <= len(entries) * SMALL


def has_marker(root: int) -> bool:
    """Whether this open folder is the bundle's."""
    try:
        os.stat(unpacking.MARKER, dir_fd=root)
    except OSError:
        return False
    return True


def remove_folder(folder: str, paths: list[str], below: int) -> None:
    """Remove an unfinished folder with these files, as far as there are any."""
    with contextlib.suppress(OSError):
        for path in paths:
            with contextlib.suppress(OSError):
                os.unlink(path, dir_fd=below)
        for _, inside, _, parent in os.fwalk(folder, topdown=False, dir_fd=below):
            for name in inside:
                os.rmdir(name, dir_fd=parent)
        os.rmdir(folder, dir_fd=below)


def move(unfinished: str, path: str, below: int | None) -> None:
    """Give a file its name, unless there's one already, which may be in use. The other name may stay."""
    with contextlib.suppress(FileExistsError):
        if not IS_WINDOWS:
            try:
                os.link(unfinished, path, src_dir_fd=below, dst_dir_fd=below)
            except FileExistsError:
                raise
            except OSError:
                # This file system has no hard links.
                pass
            else:
                return
        os.rename(unfinished, path, src_dir_fd=below, dst_dir_fd=below)


def path_of_descriptor(descriptor: int) -> str:
    """The path of an open folder, where the system tells."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return ""


WATCHED = {
    "open": FilesOnDemand.opened,
    "os.chdir": FilesOnDemand.opened,
    **dict.fromkeys(("os.listdir", "os.scandir"), FilesOnDemand.listed),
    "import": FilesOnDemand.imported,
    **dict.fromkeys(("ctypes.dlopen", "sqlite3.load_extension"), FilesOnDemand.loaded),
    **dict.fromkeys(
        (
            "os.chmod",
            "os.exec",
            "os.link",
            "os.posix_spawn",
            "os.remove",
            "os.rename",
            "os.spawn",
            "os.startfile",
            "os.truncate",
            "os.utime",
            "shutil.copyfile",
            "shutil.copymode",
            "shutil.copystat",
            "shutil.copytree",
            "shutil.move",
            "subprocess.Popen",
        ),
        FilesOnDemand.mentioned,
    ),
}
