"""The counting itself, on cases that can be done by hand from the services' manuals."""

import json

import pytest

import bill
import naive
from counter import Asked

INDEX = {
    "KeySchema": [
        {"AttributeName": "by", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


def asked(service, operation, body, answer=None, status=200, method="POST", path="/"):
    one = Asked(method, path, {}, json.dumps(body).encode())
    one.service, one.operation, one.status = service, operation, status
    one.answer = json.dumps(answer or {}).encode()
    return one


def test_an_items_size_is_that_of_its_names_and_values():
    assert bill.item_size({"PK": {"S": "abc"}}) == 5
    assert bill.item_size({"n": {"N": "1234"}}) == 1 + 3
    assert bill.item_size({"n": {"N": "-1200"}}) == 1 + 3
    assert bill.item_size({"b": {"B": "AAAA"}}) == 1 + 3
    assert bill.item_size({"l": {"L": [{"BOOL": True}]}}) == 1 + 3 + 2


def test_a_write_of_a_transaction_counts_twice_and_an_index_entry_once():
    new = {"PK": {"S": "a"}, "SK": {"S": "b"}, "by": {"S": "x"}, "at": {"N": "1"}}
    records = [{"dynamodb": {"NewImage": new}}]
    assert bill.of_stream(records, []) == 2
    assert bill.of_stream(records, [INDEX]) == 3
    large = new | {"body": {"B": "A" * 4 * 500}}
    assert bill.of_stream([{"dynamodb": {"NewImage": large}}], [INDEX]) == 4 + 1


def test_an_entry_that_moves_in_an_index_is_a_deletion_and_a_put():
    old = {"PK": {"S": "a"}, "SK": {"S": "b"}, "by": {"S": "x"}, "at": {"N": "1"}}
    moved = old | {"by": {"S": "y"}}
    assert bill.index_writes(INDEX, old, moved) == 2
    assert bill.index_writes(INDEX, old, old | {"else": {"S": "z"}}) == 0
    assert bill.index_writes(INDEX, old, {"PK": {"S": "a"}, "SK": {"S": "b"}}) == 1


def test_what_the_table_forgets_by_itself_is_free():
    record = {"dynamodb": {"OldImage": {"PK": {"S": "a"}}}, "userIdentity": {"type": "Service"}}
    assert bill.of_stream([record], []) == 0


@pytest.mark.parametrize(
    "one, units",
    [
        (asked("dynamodb", "GetItem", {"ConsistentRead": True}), {"dynamodb_reads": 1}),
        (asked("dynamodb", "GetItem", {}), {"dynamodb_reads": 0.5}),
        (
            asked(
                "dynamodb",
                "BatchGetItem",
                {"RequestItems": {"t": {"Keys": [1, 2, 3], "ConsistentRead": True}}},
                {"Responses": {"t": [{"a": {"S": "x" * 5000}}]}},
            ),
            {"dynamodb_reads": 2 + 2},
        ),
        (
            asked("dynamodb", "TransactWriteItems", {"TransactItems": [{}, {}]}, status=400),
            {"dynamodb_writes": 4},
        ),
        (
            asked("dynamodb", "TransactWriteItems", {"TransactItems": [{"ConditionCheck": 1}, {}]}),
            {"dynamodb_writes": 2},
        ),
        (
            asked("sqs", "SendMessageBatch", {"QueueUrl": "work.fifo", "x": "y" * 70000}),
            {"sqs_fifo": 2},
        ),
        (asked("sqs", "SendMessage", {"QueueUrl": "orders"}), {"sqs_standard": 1}),
        (asked("s3", "PUT", {}, method="PUT"), {"s3_puts": 1}),
        (asked("s3", "GET", {}, method="GET", path="/b?list-type=2"), {"s3_puts": 1}),
        (asked("s3", "GET", {}, method="GET", path="/b/k"), {"s3_gets": 1}),
        (asked("s3", "DELETE", {}, method="DELETE", path="/b/k"), {}),
        (
            asked("execute-api", "POST", {}, path="/_aws/execute-api/id/$default/v1/orders"),
            {"api_http": 1},
        ),
        (asked("execute-api", "POST", {}, path="/_aws/execute-api/id/live/v1"), {"api_rest": 1}),
    ],
)
def test_requests_come_to_units(one, units):
    assert dict(bill.of_requests([one])) == units


def test_reports_of_functions_come_to_invocations_and_memory_for_a_time():
    report = (
        "REPORT RequestId: 1-2\tDuration: 12.5 ms\tBilled Duration: 500 ms\t"
        "Memory Size: 512 MB\tMax Memory Used: 40 MB"
    )
    units = bill.of_logs([{"message": "START"}, {"message": report}])
    assert (units["lambda_requests"], units["lambda_gb_s"]) == (1, 0.25)


def test_every_unit_that_is_counted_has_a_price():
    prices = bill.prices()
    for units in [*naive.SYSTEMS.values(), *naive.WHOLE.values()]:
        assert set(units) <= set(prices)
    assert all(usd > 0 for usd in prices.values())


def test_every_price_says_where_it_is_published():
    import template as cfn

    table = json.loads((cfn.DEPLOY / "prices.json").read_text(encoding="utf-8"))
    assert table["region"] == "us-east-1"
    for row in [*table["prices"].values(), *table["standing"].values()]:
        assert row["where"].startswith("https://aws.amazon.com/")
