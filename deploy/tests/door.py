"""Comanda's front doors on AWS, as a client uses them: HTTP with a key, the bucket, the queue, the
topics, the state machine."""

import datetime
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request

import blake3

from world import until


class Answer:
    """Of HTTP: status, headers, body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:2000]!r}"


def fetch(url, method="GET", body=None, headers=None):
    """Asks an address; an error is an answer too."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def new_key(scope):
    """A key and its record, as `comanda keys create` makes them."""
    name, secret = secrets.token_hex(8), secrets.token_hex(32)
    key = f"ck_{name}_{secret}"
    record = {
        "id": name,
        "scope": scope,
        "hash": blake3.blake3(key.encode()).hexdigest(),
        "created_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    }
    return key, record


class Door:
    """One of the two APIs."""

    def __init__(self, base, key):
        self.base = base
        self.key = key

    def ask(self, method, path, body=None, **headers):
        """A request with the key; `body` as JSON, or bytes as they are."""
        sent = {"accept-language": "en"}
        if self.key:
            sent["authorization"] = f"Bearer {self.key}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent["content-type"] = "application/json"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return fetch(self.base + path, method, body, sent)

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body, **headers):
        return self.ask("POST", path, body, **headers)

    def order(self, name, merchant="default"):
        """An order as it is now; nothing while there is none."""
        place = urllib.parse.quote(name, safe="")
        answer = self.get(f"/v1/orders/{place}?merchant_id={urllib.parse.quote(merchant)}")
        assert answer.status in (200, 404), answer
        return answer.json() if answer.status == 200 else None

    def eventually(self, name, status, seconds=40):
        """An order, as soon as it has that status."""

        def found():
            order = self.order(name)
            return order if order and order["status"] == status else None

        return until(found, seconds, f"{name} is {status}: {self.order(name)}")


def purchase(name, sku="PEN", quantity=1, price="1.50", **more):
    """A small order."""
    items = [{"sku": sku, "quantity": quantity, "unit_price": price}]
    return {"order_id": name, "customerId": "c-7", "items": items, **more}


def open_doors(here, outputs, config=""):
    """Keys and settings in their places; the REST and the HTTP API."""
    key, record = new_key("admin")
    s3 = here.client("s3")
    bucket = outputs["BucketName"]
    s3.put_object(Bucket=bucket, Key="config/keys.json", Body=json.dumps([record]).encode())
    s3.put_object(Bucket=bucket, Key="config/comanda.toml", Body=config.encode())
    base = f"{here.url}/_aws/execute-api"
    return (
        Door(f"{base}/{outputs['RestApiId']}/live", key),
        Door(f"{base}/{outputs['HttpApiId']}/$default", key),
    )


def listener(here, topic, name):
    """A queue that hears what is told to a topic."""
    sqs, sns = here.client("sqs"), here.client("sns")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Heard(sqs, url)


class Heard:
    """What was told; nothing is forgotten."""

    def __init__(self, sqs, url):
        self.sqs = sqs
        self.url = url
        self.all = []

    def look(self):
        for _ in range(20):
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.all.append(json.loads(message["Body"]))
                receipt = message["ReceiptHandle"]
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
            if not answer.get("Messages"):
                break
        return self.all

    def of(self, order, kind, seconds=40):
        """The envelope of the notice of an order."""

        def found():
            for envelope in self.look():
                told = json.loads(envelope["Message"])
                if told["type"] == kind and told["data"].get("order_id") == order:
                    return envelope, told
            return None

        return until(found, seconds, f"somebody is told {kind} of {order}: {self.all}")
