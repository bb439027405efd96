"""An external step that answers as an order's id says: `yes-1`, `no-1`, `down2-1` (twice 503).

Prints its port, then what it was asked, a JSON object a line.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

SECRET = sys.argv[1] if len(sys.argv) > 1 else None
ASKED = {}
LOCK = threading.Lock()


def say(**row):
    with LOCK:
        print(json.dumps(row), flush=True)


def answer(kind, number):
    """The status, headers and body of the `number`-th answer, from 1."""
    problem = {"Content-Type": "application/problem+json"}
    if kind == "yes":
        return 200, {}, '{"approved": true, "reason": "score 3"}'
    if kind == "no":
        return 200, {}, '{"approved": false, "reason": "stolen card"}'
    if kind == "bad":
        return 422, problem, '{"title": "No", "detail": "limit\\nexceeded"}'
    if kind == "odd":
        return 200, {}, "fine, I guess"
    if kind == "busy" and number == 1:
        return 429, {"Retry-After": "1"}, ""
    if kind.startswith("down") and number <= int(kind[4:] or 99):
        return 503, {}, "maintenance"
    if kind == "hang":
        time.sleep(3)
    return 204, {}, ""


class Step(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = json.loads(body)
        data = event["data"]
        with LOCK:
            number = ASKED[event["id"]] = ASKED.get(event["id"], 0) + 1
        if SECRET:
            Webhook(SECRET).verify(body, dict(self.headers))
        say(
            id=event["id"],
            signed=bool(SECRET) and self.headers["webhook-id"] == event["id"],
            path=self.path,
            media=self.headers["Content-Type"],
            number=number,
            event=event,
        )
        status, headers, text = answer(data["order_id"].split("-")[0], number)
        if self.path.endswith("/late"):
            time.sleep(1)
        text = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if status != 204:
            self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Whoever asked may have hung up: that is what some tests are about."""


server = Server(("127.0.0.1", 0), Step)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
