"""The five systems that Comanda unites, as they describe themselves, in the units that AWS bills: what
each does with one order, one call after another, without batching.

An order of two lines in a document of 1 KB; functions of 128 MB that take 100 ms.
"""

CALL = {"lambda_requests": 1, "lambda_gb_s": 0.1 * 128 / 1024}
# Send, receive and delete, one message at a time.
QUEUE = {"sqs_standard": 3}
FIFO = {"sqs_fifo": 3}


def total(*parts):
    units = {}
    for part in parts:
        for name, count in part.items():
            units[name] = units.get(name, 0) + count
    return units


def times(count, part):
    return {name: count * value for name, value in part.items()}


SYSTEMS = {
    # POST, validate and put; a queue; two status updates; a notice.
    "REST orders": total(
        {"api_rest": 1}, CALL, {"dynamodb_writes": 1}, QUEUE, CALL, {"dynamodb_writes": 2},
        {"sns_requests": 1},
    ),
    # POST, look for a duplicate; FIFO; stock of two lines; one transaction of three items; a notice.
    "event driven, by API": total(
        {"api_rest": 1}, CALL, {"dynamodb_reads": 1}, FIFO, CALL, {"dynamodb_reads": 2},
        {"dynamodb_writes": 6}, {"sns_requests": 1},
    ),
    # An order of a file: as above without the API; the file's own costs are shared by its orders.
    "event driven, by file": total(
        FIFO, CALL, {"dynamodb_reads": 3}, {"dynamodb_writes": 6}, {"sns_requests": 1},
    ),
    # Submit by API; a queue; the document into the bucket; a record.
    "queued orders": total(
        {"api_rest": 1}, CALL, QUEUE, CALL, {"s3_puts": 1}, {"dynamodb_writes": 1},
        {"dynamodb_reads": 1},
    ),
    # Of each item of the map: variables, stock, price, choice, put; the start of a child of its own.
    "batch orders": total(
        {"states_transitions": 6}, times(2, CALL), {"dynamodb_reads": 1}, {"dynamodb_writes": 1},
    ),
    # Each record of the stream becomes an object.
    "pipeline": total({"dynamodb_writes": 1}, CALL, {"s3_puts": 1}),
}

# What one order costs that goes through all that Comanda does with it: taken in by a door of its own,
# its document kept, and a row for analysis.
WHOLE = {
    "api": total(
        SYSTEMS["event driven, by API"], {"s3_puts": 1}, CALL, {"s3_puts": 1},
    ),
    "file": total(
        SYSTEMS["event driven, by file"], {"s3_puts": 1}, CALL, {"s3_puts": 1},
    ),
    "queue": total(
        {"sqs_standard": 3}, CALL, {"dynamodb_reads": 3}, {"dynamodb_writes": 6},
        {"sns_requests": 1}, {"s3_puts": 1}, CALL, {"s3_puts": 1},
    ),
    "batch": total(
        SYSTEMS["batch orders"], {"dynamodb_reads": 2}, {"dynamodb_writes": 5}, {"s3_puts": 1}, CALL,
        {"s3_puts": 1},
    ),
}
