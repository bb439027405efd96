#!/usr/bin/env python3
"""Makes the model that API Gateway holds orders against, of Comanda's own description of its API.

    comanda openapi | deploy/model.py > deploy/order.model.json

The model says what no order can be without and which kinds of values its fields take, no more:
whatever passes is judged by Comanda, which names everything that is wrong at once. API Gateway reads
JSON Schema draft 4. The template holds the same model; a test compares the three.
"""

import json
import sys

# A document has lines or is a transfer; what changes an order that is there already needs neither.
ONE_OF = ["items", "amount", "order_status", "orderStatus"]


def shape(schema, depth):
    """The kinds of values, down to `depth`: without bounds and words."""
    kept = {}
    if "type" in schema:
        kept["type"] = schema["type"]
    if depth > 0 and "properties" in schema:
        kept["properties"] = {
            name: shape(field, depth - 1)
            for name, field in sorted(schema["properties"].items())
            if "type" in field or "properties" in field
        }
    if depth > 0 and isinstance(schema.get("items"), dict) and "type" in schema["items"]:
        kept["items"] = shape(schema["items"], depth - 1)
    return kept


def model(openapi):
    """The model of `POST /v1/orders`."""
    body = openapi["paths"]["/v1/orders"]["post"]["requestBody"]["content"]["application/json"]
    name = body["schema"]["$ref"].rsplit("/", 1)[1]
    document = openapi["components"]["schemas"][name]
    unknown = [field for field in ONE_OF if field not in document["properties"]]
    if unknown:
        sys.exit(f"an order has no field {unknown}: mend ONE_OF")
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": name,
        **shape(document, 1),
        "anyOf": [{"required": [field]} for field in ONE_OF],
    }


if __name__ == "__main__":
    print(json.dumps(model(json.load(sys.stdin)), indent=1, sort_keys=True))
