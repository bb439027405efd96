"""S3 and SQS of ministack, signatures checked. The port and a key are printed first (an operator's
own key is taken as it is); then each line read is a call of botocore's ({"service", "call", "args"}), or "down" and "up", or {"fail": [actions of SQS
to answer with 503]}, and each line written its answer. What it holds outlives "down"."""

import asyncio
import json
import os
import socket
import sys

os.environ.update(
    AUTH="true",
    AWS_ACCESS_KEY_ID="peer",
    AWS_SECRET_ACCESS_KEY="peer-secret",
    AWS_DEFAULT_REGION="us-east-1",
    LOG_LEVEL="ERROR",
    SERVICES="s3,sqs,iam,sts",
)

import botocore.config
import botocore.session
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app

ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def say(value):
    ANSWERS.write(json.dumps(value, default=str) + "\n")


FAILING = set()


async def served(scope, receive, send):
    """The app, but for what is to fail."""
    headers = dict(scope.get("headers", []))
    action = headers.get(b"x-amz-target", b"").decode().rpartition(".")[2]
    if action not in FAILING:
        return await app(scope, receive, send)
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def plain(answer):
    answer.pop("ResponseMetadata", None)
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().decode("utf-8", "surrogateescape")
    return answer


def a_key(iam):
    """A key of a user who may do everything, and whose signatures are checked."""
    rule = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    iam.create_user(UserName="comanda")
    iam.put_user_policy(UserName="comanda", PolicyName="all", PolicyDocument=policy)
    return iam.create_access_key(UserName="comanda")["AccessKey"]


class Server:
    def __init__(self):
        self.port = 0

    async def up(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.graceful_timeout = 0.1
        config.loglevel = "ERROR"
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(serve(served, config, shutdown_trigger=self.stop.wait))

    async def down(self):
        self.stop.set()
        await self.task

    def client(self, service):
        retries = botocore.config.Config(retries={"total_max_attempts": 8})
        return botocore.session.get_session().create_client(
            service, endpoint_url=f"http://127.0.0.1:{self.port}", config=retries
        )


async def main():
    server, clients = Server(), {}
    await server.up()
    key = await asyncio.to_thread(a_key, server.client("iam"))
    say({"port": server.port, "key": key["AccessKeyId"], "secret": key["SecretAccessKey"]})
    while line := await asyncio.to_thread(sys.stdin.readline):
        ask = json.loads(line)
        if isinstance(ask, str):
            await getattr(server, ask)()
            say(ask)
            continue
        if "fail" in ask:
            FAILING.clear()
            FAILING.update(ask["fail"])
            say(ask["fail"])
            continue
        service = ask["service"]
        if service not in clients:
            clients[service] = await asyncio.to_thread(server.client, service)
        call = getattr(clients[service], ask["call"])
        try:
            say(plain(await asyncio.to_thread(call, **ask["args"])))
        except Exception as error:
            say({"error": str(error)})
    os._exit(0)


asyncio.run(main())
