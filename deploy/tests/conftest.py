"""Worlds that tests share: each is an emulator of its own, ended when the tests are."""

import pathlib

import pytest

import terraform
import world


# Tables that may be deleted again; settings in their usual place.
SETTINGS = {"Protect": "false", "ConfigKey": "config/comanda.toml"}


class Stack:
    """Comanda as the template deploys it."""

    def __init__(self, here, outputs):
        self.here = here
        self.outputs = outputs


def said(here):
    """What functions said that was no report, newest last."""
    logs = here.client("logs")
    lines = []
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
        name = group["logGroupName"]
        for event in logs.filter_log_events(logGroupName=name, limit=10000)["events"]:
            text = event["message"].strip()
            if not text.startswith(("START ", "END ", "REPORT ")):
                lines.append((event["timestamp"], f"{name}: {text}"))
    return [text for _, text in sorted(lines)][-40:]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that failed shows what the functions said."""
    report = yield
    if report.when == "call" and report.failed:
        for made in item.funcargs.values():
            if hasattr(made, "here"):
                report.sections.append(("functions", "\n".join(said(made.here))))
    return report


@pytest.fixture(scope="session")
def artifact() -> pathlib.Path:
    """The functions as they were compiled."""
    assert world.ZIP.exists(), f"{world.ZIP} is not there: `make lambda` makes it"
    return world.ZIP


@pytest.fixture(scope="session")
def stack(artifact):
    """The real template with the real functions."""
    here = world.World()
    try:
        yield Stack(here, world.deploy(here, SETTINGS, artifact))
    finally:
        here.close()


@pytest.fixture(scope="session")
def terraformed(artifact, tmp_path_factory):
    """The same by Terraform; destroyed in the end."""
    here = world.World()
    try:
        given = {
            "TF_VAR_artifact": str(artifact),
            "TF_VAR_protect": "false",
            "TF_VAR_config_key": SETTINGS["ConfigKey"],
        }
        home = tmp_path_factory.mktemp("terraform")
        made = terraform.Terraform(
            home, world.FOR_TERRAFORM, {**world.credentials(here), **given}
        )
        made.here = here
        made.run("apply", "-auto-approve", "-input=false")
        world.allow_batches(here)
        yield made
    finally:
        here.close()
