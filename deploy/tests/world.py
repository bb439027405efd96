"""AWS as far as it can be had on one machine: ministack with permissions enforced, behind a counter,
and Comanda deployed to it by the real template.

Every process it starts it ends, by its id.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import boto3
import botocore.config

import counter
import template as cfn

REGION = "us-east-1"
ACCOUNT = "000000000000"
STACK = "comanda"
ZIP = pathlib.Path(
    os.environ.get("COMANDA_LAMBDA_ZIP", cfn.ROOT / "target" / "lambda" / "comanda-lambda.zip")
)


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def until(what, seconds, told, pause=0.2):
    """What `what` comes to, as soon as that is something; fails after some seconds."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{told}: not after {seconds} s")
        time.sleep(pause)


class World:
    """An emulator of its own, for as long as it is open."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="comanda-aws-"))
        self.behind = free_port()
        self.counter = counter.Counter(free_port(), self.behind).start()
        self.url = f"http://127.0.0.1:{self.counter.port}"
        self.log = open(self.home / "log", "wb")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.behind),
            "MINISTACK_HOST": "localhost",
            "IOT_MTLS_ENABLED": "0",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            "AUTH": "true",
        }
        self.process = subprocess.Popen(
            [os.environ["MINISTACK"]], env=environment, stdout=self.log, stderr=self.log, cwd=self.home
        )
        until(self.is_up, 30, "the emulator is up")
        self.session = boto3.Session("test", "test", region_name=REGION)

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the emulator ended:\n{self.said()}")
        with contextlib.suppress(OSError, urllib.error.URLError):
            url = f"http://127.0.0.1:{self.behind}/_ministack/health"
            return urllib.request.urlopen(url, timeout=2).status == 200
        return False

    def said(self):
        self.log.flush()
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")[-8000:]

    def client(self, service):
        config = botocore.config.Config(retries={"max_attempts": 2}, read_timeout=120)
        return self.session.client(service, endpoint_url=self.url, config=config)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.counter.stop()
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


def deploy(world, parameters=None, code=ZIP):
    """Does what `sam deploy` does; gives the stack's outputs."""
    s3, stacks = world.client("s3"), world.client("cloudformation")
    s3.create_bucket(Bucket="artifacts")
    s3.upload_file(str(code), "artifacts", "comanda-lambda.zip")
    machine = cfn.DEPLOY / "statemachine" / "batch.asl.json"
    s3.upload_file(str(machine), "artifacts", "batch.asl.json")
    body = cfn.packaged(cfn.load(), "artifacts", "comanda-lambda.zip", "batch.asl.json")
    s3.put_object(Bucket="artifacts", Key="template.json", Body=json.dumps(body).encode())
    stacks.create_stack(
        StackName=STACK,
        TemplateURL=f"{world.url}/artifacts/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in (parameters or {}).items()
        ],
    )

    def ended():
        (stack,) = stacks.describe_stacks(StackName=STACK)["Stacks"]
        return stack if not stack["StackStatus"].endswith("_IN_PROGRESS") else None

    stack = until(ended, 120, "the stack is made")
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = stacks.describe_stack_events(StackName=STACK)["StackEvents"]
        why = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        ]
        raise AssertionError(f"{stack['StackStatus']} {stack.get('StackStatusReason')} {why}")
    allow_batches(world)
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


# The policy that the emulator needs and AWS does not: there, who may send a message may send ten.
EMULATOR = "emulator-batches"
BATCHES = {"sqs:SendMessage": "sqs:SendMessageBatch", "sns:Publish": "sns:PublishBatch"}


def allow_batches(world):
    """Allows in batches what functions are allowed one by one, and nothing else."""
    iam = world.client("iam")
    for page in world.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            role = function["Role"].rsplit("/", 1)[1]
            more = []
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                if isinstance(document, str):
                    document = json.loads(document)
                for statement in document["Statement"]:
                    actions = statement["Action"]
                    actions = actions if isinstance(actions, list) else [actions]
                    if batches := [BATCHES[action] for action in actions if action in BATCHES]:
                        more.append(statement | {"Action": batches})
            if more:
                policy = json.dumps({"Version": "2012-10-17", "Statement": more})
                iam.put_role_policy(RoleName=role, PolicyName=EMULATOR, PolicyDocument=policy)


# Terraform's provider towards the emulator: buckets are paths there, and nobody is asked who we are
# but the emulator.
FOR_TERRAFORM = """
provider "aws" {
  s3_use_path_style           = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_credentials_validation = true
}
"""


def credentials(world):
    """What a program needs to work with an emulator."""
    return {
        "AWS_ENDPOINT_URL": world.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
