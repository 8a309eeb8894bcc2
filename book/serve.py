"""Build the book and serve it: ``python -m book.serve OUT PORT``. The port is taken first."""

import functools
import http.server
import sys
from pathlib import Path

from book import settings
from book.build import build


@settings.command
def main() -> int:
    out, port = Path(sys.argv[1]), int(sys.argv[2])
    site = out / "_build" / "html"
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "no such port"
        print(f"port {port}: {why}; another: make serve PORT=8001", file=sys.stderr)
        return 1
    with server:
        if status := build(out, names=settings.pages()):
            return status
        print(f"The book is on http://127.0.0.1:{port} (Ctrl+C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
