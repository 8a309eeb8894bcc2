"""Find a Chromium for the browser tests; install Debian's where there is none."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The path of a Chromium: CHROMIUM if it is set, else the first on PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> int:
    if chromium():
        return 0
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("installing Debian's Chromium for the browser tests", flush=True)
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"]
        for command in (["apt-get", "update", "--quiet"], install):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    if chromium():
        return 0
    print("The browser tests need Chromium: install it, or name one with CHROMIUM=/path/to/it")
    return 1


if __name__ == "__main__":
    sys.exit(main())
