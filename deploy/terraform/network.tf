# A network without a way out: private subnets in three zones, and doors to the services of AWS that
# are called from within. Nothing in it has a public address. External steps (HTTP) need a way out
# that is the company's own: with `private_network` they do not reach the world.

locals {
  has_network = var.private_network || var.with_warehouse
  zones       = local.has_network ? slice(data.aws_availability_zones.here[0].names, 0, 3) : []
  # What functions call besides table and bucket: each endpoint costs by the hour, so only these.
  # Logs, traces and what a mapping does go by Lambda's own ways.
  endpoints = var.private_network ? toset(["sqs", "sns"]) : toset([])
}

data "aws_availability_zones" "here" {
  count = local.has_network ? 1 : 0
  state = "available"

  # Not local zones and the like, which an account has to ask for.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "network" {
  count = local.has_network ? 1 : 0

  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Whoever is put into it without a group of its own reaches nothing.
resource "aws_default_security_group" "nothing" {
  count  = local.has_network ? 1 : 0
  vpc_id = aws_vpc.network[0].id
}

resource "aws_subnet" "private" {
  count = length(local.zones)

  vpc_id                  = aws_vpc.network[0].id
  availability_zone       = local.zones[count.index]
  cidr_block              = cidrsubnet(var.cidr, 4, count.index)
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-private-${count.index}" }
}

resource "aws_route_table" "private" {
  count  = local.has_network ? 1 : 0
  vpc_id = aws_vpc.network[0].id

  tags = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  count = length(local.zones)

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[0].id
}

# These two cost nothing.
resource "aws_vpc_endpoint" "gateway" {
  for_each = local.has_network ? toset(["s3", "dynamodb"]) : toset([])

  vpc_id            = aws_vpc.network[0].id
  service_name      = "com.amazonaws.${var.region}.${each.value}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private[0].id]
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.endpoints

  vpc_id              = aws_vpc.network[0].id
  service_name        = "com.amazonaws.${var.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints[0].id]
}

resource "aws_security_group" "functions" {
  count = var.private_network ? 1 : 0

  name        = "${var.name}-functions"
  description = "Functions: out to services over TLS, nothing in"
  vpc_id      = aws_vpc.network[0].id

  egress {
    description     = "TLS to endpoints"
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    security_groups = [aws_security_group.endpoints[0].id]
  }

  egress {
    description     = "TLS to the bucket and the tables"
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    prefix_list_ids = [for endpoint in aws_vpc_endpoint.gateway : endpoint.prefix_list_id]
  }
}

resource "aws_security_group" "endpoints" {
  count = var.private_network ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Endpoints of services: in from functions over TLS, nothing out"
  vpc_id      = aws_vpc.network[0].id

  # By the addresses of the network: the two groups would name each other.
  ingress {
    description = "TLS from the private subnets"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = aws_subnet.private[*].cidr_block
  }
}

# Who was refused, and nothing else: enough to see that something knocks that should not.
resource "aws_flow_log" "refused" {
  count = local.has_network ? 1 : 0

  vpc_id               = aws_vpc.network[0].id
  traffic_type         = "REJECT"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.network[0].arn
  iam_role_arn         = aws_iam_role.network[0].arn
}

resource "aws_cloudwatch_log_group" "network" {
  count = local.has_network ? 1 : 0

  name              = "/aws/vpc/${var.name}"
  retention_in_days = var.log_days
}

resource "aws_iam_role" "network" {
  count = local.has_network ? 1 : 0

  name = "${var.name}-network"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "network" {
  count = local.has_network ? 1 : 0

  name = "logs"
  role = aws_iam_role.network[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.network[0].arn}:*"
    }]
  })
}
