"""A webhook receiver that says what it received, one JSON object a line.

Prints its port first. What it does with a message follows from the first part of the path:
`ok` takes it, `once` asks for a second's peace before it takes each message, `gone` is gone,
`moved` redirects to `ok`, `own` will not have orders whose id begins with `bad`.

Signatures are verified by the published library of Standard Webhooks with the secret that a line
of standard input gives for a path: `{"path": "/ok", "secret": "whsec_..."}`.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook

secrets = {}
seen = set()
lock = threading.Lock()


def verified(path, body, headers):
    if path not in secrets:
        return None
    try:
        Webhook(secrets[path]).verify(body, headers)
        return True
    except Exception as error:
        return str(error)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, headers = self.answer(json.loads(body))
        with lock:
            said = {
                "path": self.path,
                "status": status,
                "id": self.headers["webhook-id"],
                "signature": self.headers["webhook-signature"],
                "verified": verified(self.path, body, dict(self.headers.items())),
                "agent": self.headers["user-agent"],
                "message": json.loads(body),
            }
            print(json.dumps(said), flush=True)
        self.send_response(status)
        for name, value in {"content-length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def answer(self, message):
        kind = self.path.split("/")[1]
        message_id = self.headers["webhook-id"]
        if kind == "once":
            with lock:
                is_new = message_id not in seen
                seen.add(message_id)
            if is_new:
                return 429, {"retry-after": "1"}
        if kind == "gone":
            return 410, {}
        if kind == "moved":
            return 307, {"location": "/ok"}
        if kind == "own" and message["data"].get("order_id", "").startswith("bad"):
            return 422, {}
        return 204, {}

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Callers are killed in the middle of a call: that is the test."""

    request_queue_size = 128


def control():
    for line in sys.stdin:
        given = json.loads(line)
        with lock:
            secrets[given["path"]] = given["secret"]


server = Server(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
threading.Thread(target=control, daemon=True).start()
server.serve_forever()
