# Encrypted at rest by keys that DynamoDB owns, as every table is.

resource "aws_dynamodb_table" "table" {
  name                        = "${var.name}-table"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.protect
  hash_key                    = one([for k in local.table.KeySchema : k.AttributeName if k.KeyType == "HASH"])
  range_key                   = one([for k in local.table.KeySchema : k.AttributeName if k.KeyType == "RANGE"])
  stream_enabled              = true
  stream_view_type            = local.table.StreamSpecification.StreamViewType

  dynamic "attribute" {
    for_each = local.table.AttributeDefinitions
    content {
      name = attribute.value.AttributeName
      type = attribute.value.AttributeType
    }
  }

  dynamic "global_secondary_index" {
    for_each = local.table.GlobalSecondaryIndexes
    iterator = index
    content {
      name               = index.value.IndexName
      hash_key           = one([for k in index.value.KeySchema : k.AttributeName if k.KeyType == "HASH"])
      range_key          = one([for k in index.value.KeySchema : k.AttributeName if k.KeyType == "RANGE"])
      projection_type    = index.value.Projection.ProjectionType
      non_key_attributes = try(index.value.Projection.NonKeyAttributes, null)
    }
  }

  ttl {
    attribute_name = local.table.TimeToLiveSpecification.AttributeName
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }
}

# Another producer's: what it puts there is taken in through the stream.
resource "aws_dynamodb_table" "orders_inbox" {
  name                        = "${var.name}-orders-inbox"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.protect
  hash_key                    = "orderid"
  stream_enabled              = true
  stream_view_type            = "NEW_IMAGE"

  attribute {
    name = "orderid"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}
