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
        yield made
    finally:
        here.close()
