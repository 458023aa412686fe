"""The first process of a container: builds its file system, then runs the container runner.

Started by path in new mount and process namespaces, before anything of the venv is importable;
hence the standard library alone. The root is a fresh tmpfs that binds the machine's folders, with

* ``/root``: the uploaded source, and nothing else of the machine's ``/root`` but Python itself;
* ``/__modal/volumes/<id>``: an overlay per volume, with a link at the path of the mount;
* site-packages without its ``.pth`` files: an editable install would hide a forgotten upload.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

HOME = "/root"
"""Where Modal puts the source, and on this machine perhaps Python itself."""
BIND, RECURSIVE, READ_ONLY, REMOUNT = 4096, 16384, 1, 32
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """The system call."""
    words = [one.encode() for one in (source, target, kind)]
    if LIBC.mount(*words, ctypes.c_ulong(flags), data.encode() or None):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} on {target}: {os.strerror(number)} {data}")


def bind(source: str, target: str) -> None:
    """Show a file or a folder with all below it at a second place."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        open(target, "w").close()
    mount(source, target, flags=BIND | RECURSIVE)


def overlay(layers: dict[str, Any], target: str) -> None:
    """A private working copy of a folder."""
    os.makedirs(target, exist_ok=True)
    mount("overlay", target, "overlay", data=layers["options"])
    if layers.get("read_only"):
        mount("", target, flags=BIND | REMOUNT | READ_ONLY)


class Root:
    """The new root folder while it is put together."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.owned = {"/", HOME}
        mount("tmpfs", folder, "tmpfs", data="mode=755")
        self.fill("/", skip={HOME, "/proc"})

    def at(self, path: str) -> str:
        """Where a path of the container is until the root is entered."""
        return self.folder + path

    def fill(self, path: str, skip: set[str]) -> None:
        """Bind each entry of a folder of the machine by itself."""
        for entry in os.scandir(path):
            place = self.at(entry.path)
            if entry.path in skip:
                os.makedirs(place, exist_ok=True)
            elif entry.is_symlink():
                os.symlink(os.readlink(entry.path), place)
            elif path != "/" or entry.is_dir():
                bind(entry.path, place)

    def own(self, path: str) -> None:
        """Make a folder of the container that may be written without writing to the machine."""
        known = "/"
        for part in filter(None, path.split("/")):
            known = os.path.join(known, part)
            place = self.at(known)
            if not os.path.lexists(place):
                os.mkdir(place)
            elif os.path.ismount(place) and known not in self.owned:
                mount("tmpfs", place, "tmpfs", data="mode=755")
                self.fill(known, skip=set())
            self.owned.add(known)


def build(spec: dict[str, Any]) -> None:
    """Put the file system together and enter it."""
    for one in spec["limited"]:  # layers that can hold only so much
        mount("tmpfs", one["folder"], "tmpfs", data=f"size={one['bytes']}")
        for name in ("upper", "work"):
            os.mkdir(f"{one['folder']}/{name}")
    root = Root(spec["new_root"])
    overlay(spec["source"], root.at(HOME))
    for path in spec["python"]:
        if path != HOME and os.path.commonpath([path, HOME]) == HOME:
            bind(path, root.at(path))
    for place, source in spec["binds"].items():
        root.own(os.path.dirname(place))
        bind(source, root.at(place))
    for volume in spec["volumes"]:
        home = f"/__modal/volumes/{volume['volume_id']}"
        root.own(home)
        overlay(volume, root.at(home))
        parent, name = os.path.split(volume["path"])
        root.own(parent)
        place_link(home, root.at(parent), name)
    for path in spec["hidden"]:
        mount(spec["empty"], root.at(path), flags=BIND)
    processes(root.at("/proc"))
    os.chroot(spec["new_root"])
    os.chdir(HOME)


def place_link(target: str, parent: str, name: str) -> None:
    """A link at the path of a mount; an empty folder of the source gives way."""
    place = os.path.join(parent, name)
    if os.path.ismount(place):
        LIBC.umount2(place.encode(), 2)
    if os.path.isdir(place) and not os.path.islink(place):
        os.rmdir(place)
    os.symlink(target, place)


def processes(place: str) -> None:
    """Show the container's own processes, or the machine's where that is not allowed."""
    try:
        mount("proc", place, "proc")
    except OSError:
        bind("/proc", place)


def run(spec: dict[str, Any]) -> int:
    """Run the container runner as an ordinary process and reap what it leaves behind."""
    child = os.fork()
    if not child:
        os.execve(spec["argv"][0], spec["argv"], spec["env"])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        done, status = os.wait()
        if done == child:
            return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Read what to build, build it, run it."""
    with open(sys.argv[1]) as file:
        spec = json.load(file)
    # The number that the machine knows this process by, for those who look in from outside.
    with open(spec["pid_file"] + ".part", "w") as file:
        file.write(os.readlink("/proc/self"))
    build(spec)
    os.rename(spec["pid_file"] + ".part", spec["pid_file"])
    code = run(spec)
    sys.exit(code if code >= 0 else 128 - code)


main()
