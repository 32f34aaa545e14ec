"""HTTPS servers that are not Azure Storage: an interceptor with its own CA, a captive portal, a silent one.

Started as `python -m selftests.lab.web_server ADDRESS CHAIN KEY`; redirects whatever it is asked to a
login page. It asks for HSTS, which a client must not remember in the guest.
"""

from __future__ import annotations

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Takes a whole lab's guests at once."""

    request_queue_size = 256


class Portal(BaseHTTPRequestHandler):
    """Sends everybody to a login page."""

    server_version = "LabPortal/1.0"
    sys_version = ""

    def log_message(self, *arguments: object) -> None:
        """Nothing: the guests tell what they were answered."""

    def do_GET(self) -> None:
        """302 to the login page."""
        self.send_response(302)
        self.send_header("Location", "http://login.portal.example/?session=secret")
        self.send_header("Strict-Transport-Security", "max-age=31536000")
        self.send_header("Content-Length", "0")
        self.end_headers()


def main(address: str, chain: str, key: str) -> None:
    """Serves until it is killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = Server((address, 443), Portal)
    # the handshake is each connection's own: one that stalls must not hold up the others
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:4])
