#!/usr/bin/env python3
"""Sends one order to Comanda so that it is taken exactly once, whatever happens on the way.

Standard library only. The rule is short: the sender chooses the order id; when no answer comes,
or a 429 or 503 does, send the same document again; a 409 `duplicate` means the id is already in.

Usage: client.py DOCUMENT [URL]        (COMANDA_API_KEY if the server asks for one)
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

ATTEMPTS_MAX = 6
TIMEOUT_S = 35  # the server gives up on a request after 30


class Refused(Exception):
    """The server said no; sending the same document again would change nothing."""


def post(url: str, body: bytes) -> tuple[int, dict, float]:
    """One attempt: status, answer, seconds to wait before the next."""
    headers = {"content-type": "application/json", "accept-language": "pt-BR"}
    if key := os.environ.get("COMANDA_API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, json.load(answer), 0.0
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), float(error.headers.get("retry-after", 0))


def place(url: str, body: bytes) -> dict:
    """Sends until there is an answer that counts, and returns the order as it stands."""
    for attempt in range(ATTEMPTS_MAX):
        wait_s = 0.0
        try:
            status, answer, wait_s = post(f"{url}/v1/orders", body)
        except OSError as error:  # no connection, cut connection, timeout: nobody knows
            print(f"no answer ({error}), sending it again", file=sys.stderr)
        else:
            if status == 202:
                return answer
            if status == 409 and answer["code"] == "duplicate":
                return answer["order"]
            if status not in (429, 503):
                raise Refused(json.dumps(answer, ensure_ascii=False, indent=2))
            print(f"{status} {answer['title']}, sending it again", file=sys.stderr)
        if attempt + 1 < ATTEMPTS_MAX:
            time.sleep(max(wait_s, 0.1 * 2**attempt))
    raise TimeoutError(f"no answer in {ATTEMPTS_MAX} attempts; the same id may be sent later")


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    url = sys.argv[2] if len(sys.argv) == 3 else "http://127.0.0.1:8080"
    with open(sys.argv[1], "rb") as file:
        body = file.read()
    if not any(name in json.loads(body) for name in ("order_id", "orderId", "orderid", "id")):
        print("give the order an id: without one a repetition cannot be recognised", file=sys.stderr)
        return 2
    try:
        order = place(url.rstrip("/"), body)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 3
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1
    print(order["order_id"], order["merchant_id"], order["status"], order.get("total") or "-")
    return 0


if __name__ == "__main__":
    sys.exit(main())
