# Comanda on AWS by Terraform: the application of deploy/cloudformation, made of the same lists
# (deploy/application.json, crates/aws/table.json), and what a company has around it: a network and a
# warehouse.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.80"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { application = var.name }
  }
}
