"""What schemathesis has to know about Comanda's media types."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def one_line(ctx, value):
    """JSON lines: the schema describes one of them."""
    return {"data": json.dumps(value, ensure_ascii=True).encode()}
