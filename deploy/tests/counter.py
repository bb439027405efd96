"""Stands between everybody and the emulator, passes everything on as it is, and writes down what was
asked: what AWS would bill is a question of requests.

It says that connections are encrypted, as they are on AWS: policies that refuse others count here.
"""

import asyncio
import json
import re
import threading
import urllib.parse

SIGNED_FOR = re.compile(rb"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
# An answer of at most this many bytes is kept, for who counts by sizes: the largest page there is.
KEPT_BYTES_MAX = 17 << 20


class Asked:
    """One request and what came back."""

    __slots__ = (
        "service", "operation", "method", "path", "body", "status", "answer", "agent", "signer"
    )

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.body = body
        self.status = 0
        self.answer = b""
        self.agent = headers.get(b"user-agent", b"").decode("latin-1")
        found = SIGNED_FOR.search(headers.get(b"authorization", b""))
        self.signer = found[1].decode() if found else ""
        signed_for = found[2].decode() if found else ""
        self.service, self.operation = named(method, path, headers, body, signed_for)


def named(method, path, headers, body, service):
    """Which service is asked, and for what; an HTTP API's own calls are `execute-api`."""
    if path.startswith("/_aws/execute-api/"):
        return "execute-api", method
    target = headers.get(b"x-amz-target", b"").decode()
    if target:
        return service, target.rsplit(".", 1)[1]
    if headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded"):
        return service, urllib.parse.parse_qs(body.decode()).get("Action", [""])[0]
    return service or ("s3" if "X-Amz-Signature" in path else ""), method


class Counter:
    """A proxy in a thread of its own, from `port` to `behind`."""

    def __init__(self, port, behind):
        self.port = port
        self.behind = behind
        self.asked = []
        self.counting = True
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._done = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        """Takes connections from here on."""
        self._thread.start()
        assert self._ready.wait(10), "the counter does not listen"
        return self

    def stop(self):
        """Takes no more."""
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    def forget(self):
        """Begins to count anew."""
        self.asked = []

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.close()

    async def _listen(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20)
        self._ready.set()
        await self._done.wait()
        server.close()
        mine = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)

    async def _serve(self, reader, writer):
        behind = None
        try:
            while True:
                head = await head_of(reader)
                if head is None:
                    break
                if behind is None:
                    behind = await asyncio.open_connection("127.0.0.1", self.behind, limit=1 << 20)
                if not await self._one(head, reader, writer, behind):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Whoever hung up is answered no more, nor is anybody in the end.
            pass
        finally:
            for side in (writer, behind and behind[1]):
                if side:
                    side.close()

    async def _one(self, head, reader, writer, behind):
        first, headers = parsed(head)
        if headers.get(b"expect", b"").lower() == b"100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await writer.drain()
        raw, body = await body_of(reader, headers, False)
        method, path, _ = first.decode("latin-1").split(" ", 2)
        asked = Asked(method, path, headers, body)
        lines = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith(b"expect:")]
        told = b"\r\n".join([*lines, b"x-forwarded-proto: https", b"", b""])
        behind[1].write(told + raw)
        await behind[1].drain()
        head = await head_of(behind[0])
        while head is not None and b" 100 " in head.split(b"\r\n", 1)[0]:
            head = await head_of(behind[0])
        if head is None:
            return False
        first, headers = parsed(head)
        asked.status = int(first.split(b" ")[1])
        silent = method == "HEAD" or asked.status in (204, 304)
        raw, answer = (b"", b"") if silent else await body_of(behind[0], headers, True)
        asked.answer = answer[:KEPT_BYTES_MAX]
        if self.counting:
            self.asked.append(asked)
        writer.write(head + raw)
        await writer.drain()
        return headers.get(b"connection", b"").lower() != b"close"


async def head_of(reader):
    """All up to the empty line, which is included; nothing when the other side is done."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None


def parsed(head):
    """The first line, and the headers by their names in small letters."""
    first, *lines = head.split(b"\r\n")
    pairs = (line.split(b":", 1) for line in lines if b":" in line)
    return first, {name.lower(): value.strip() for name, value in pairs}


async def body_of(reader, headers, is_answer):
    """A body as it goes over the wire, and as it is meant."""
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        raw, body = b"", b""
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            chunk = await reader.readexactly(size + 2)
            raw, body = raw + line + chunk, body + chunk[:-2]
            if size == 0:
                return raw, body
    if b"content-length" in headers:
        body = await reader.readexactly(int(headers[b"content-length"]))
        return body, body
    body = await reader.read() if is_answer else b""
    return body, body


def json_of(body):
    """A body that is JSON; nothing where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None
