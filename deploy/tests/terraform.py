"""Finds Terraform and its provider, and runs them in a copy of deploy/terraform: nothing is left in the
repository.

On a machine that has neither, whoever asks is told so loudly; nothing passes quietly.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

import template as cfn

# Where people keep providers that cannot be downloaded.
USUAL = ["/opt/tf-plugins", "~/.terraform.d/plugins", "/usr/local/share/terraform/plugins"]


def missing():
    """What is not there, in a sentence; nothing when all is."""
    if not shutil.which("terraform"):
        return "no `terraform` on the path"
    if plugins() is None and os.environ.get("TF_DOWNLOAD") != "1":
        return f"no provider in TF_PLUGIN_DIR nor in {', '.join(USUAL)} (TF_DOWNLOAD=1 fetches it)"
    return None


def plugins():
    """A folder with the provider of AWS; none where it has to be downloaded."""
    given = os.environ.get("TF_PLUGIN_DIR")
    for place in [given] if given else USUAL:
        found = pathlib.Path(place).expanduser()
        if list(found.glob("registry.terraform.io/hashicorp/aws/*")):
            return found
    return None


needed = pytest.mark.skipif(missing() is not None, reason=f"TERRAFORM IS NOT CHECKED: {missing()}")


class Terraform:
    """A copy of deploy/terraform to run commands in."""

    def __init__(self, home, override=None, env=None):
        self.folder = home / "deploy" / "terraform"
        leave = shutil.ignore_patterns(".terraform*", "*.tfstate*")
        shutil.copytree(cfn.DEPLOY / "terraform", self.folder, ignore=leave)
        for name in ("application.json", "order.model.json"):
            shutil.copy(cfn.DEPLOY / name, home / "deploy" / name)
        shutil.copytree(cfn.DEPLOY / "statemachine", home / "deploy" / "statemachine")
        table = home / "crates" / "aws" / "table.json"
        table.parent.mkdir(parents=True)
        shutil.copy(cfn.ROOT / "crates" / "aws" / "table.json", table)
        if override:
            (self.folder / "override.tf").write_text(override, encoding="utf-8")
        self.env = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **(env or {})}
        self.env.pop("TF_CLI_CONFIG_FILE", None)
        self.run("init", "-input=false", *self._from_here())

    def _from_here(self):
        found = plugins()
        return [f"-plugin-dir={found}"] if found else []

    def run(self, *arguments, fine=(0,)):
        """Runs a command; gives its exit code and what it said."""
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in fine, f"{arguments}: {done.stdout[-6000:]}{done.stderr[-6000:]}"
        return done.returncode, done.stdout

    def outputs(self):
        """What `terraform output` says."""
        said = json.loads(self.run("output", "-json")[1])
        return {name: output["value"] for name, output in said.items()}
