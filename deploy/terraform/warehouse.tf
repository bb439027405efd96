# Redshift Serverless over the lake; deploy/redshift has its tables and the loads. It makes its own
# password and keeps it in Secrets Manager: neither these files nor the state know it.

resource "aws_redshiftserverless_namespace" "warehouse" {
  count = var.with_warehouse ? 1 : 0

  namespace_name        = "${var.name}-warehouse"
  db_name               = "comanda"
  admin_username        = "comanda_admin"
  manage_admin_password = true
  default_iam_role_arn  = aws_iam_role.warehouse[0].arn
  iam_roles             = [aws_iam_role.warehouse[0].arn]
  log_exports           = ["connectionlog", "userlog"]
}

resource "aws_redshiftserverless_workgroup" "warehouse" {
  count = var.with_warehouse ? 1 : 0

  workgroup_name = "${var.name}-warehouse"
  namespace_name = aws_redshiftserverless_namespace.warehouse[0].namespace_name
  # The least there is; it grows by itself, and rests when nobody asks.
  base_capacity        = 8
  enhanced_vpc_routing = true
  publicly_accessible  = false
  subnet_ids           = aws_subnet.private[*].id
  security_group_ids   = [aws_security_group.warehouse[0].id]

  config_parameter {
    parameter_key   = "require_ssl"
    parameter_value = "true"
  }
}

resource "aws_security_group" "warehouse" {
  count = var.with_warehouse ? 1 : 0

  name        = "${var.name}-warehouse"
  description = "The warehouse: in from the network, out to the bucket over TLS"
  vpc_id      = aws_vpc.network[0].id

  ingress {
    description = "SQL from within the network"
    protocol    = "tcp"
    from_port   = 5439
    to_port     = 5439
    cidr_blocks = [var.cidr]
  }

  egress {
    description     = "TLS to the bucket"
    protocol        = "tcp"
    from_port       = 443
    to_port         = 443
    prefix_list_ids = [aws_vpc_endpoint.gateway["s3"].prefix_list_id]
  }
}

resource "aws_iam_role" "warehouse" {
  count = var.with_warehouse ? 1 : 0

  name = "${var.name}-warehouse"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"] }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "warehouse" {
  count = var.with_warehouse ? 1 : 0

  name = "copy"
  role = aws_iam_role.warehouse[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${aws_s3_bucket.bucket.arn}/lake/*"
      },
      {
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = aws_s3_bucket.bucket.arn
        Condition = { StringLike = { "s3:prefix" = "lake/*" } }
      },
    ]
  })
}
