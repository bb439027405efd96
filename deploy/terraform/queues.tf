# Hidden six times as long as its function may take; given up after five tries. Encrypted by SQS.

locals {
  fourteen_days = 1209600
}

resource "aws_sqs_queue" "dead" {
  for_each = { for id, queue in local.queues : id => queue if !can(queue.dlq) }

  name                       = "${var.name}-${each.value.name}"
  fifo_queue                 = endswith(each.value.name, ".fifo")
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = each.value.visibility
  message_retention_seconds  = local.fourteen_days
  max_message_size           = 262144
}

resource "aws_sqs_queue" "queue" {
  for_each = { for id, queue in local.queues : id => queue if can(queue.dlq) }

  name       = "${var.name}-${each.value.name}"
  fifo_queue = endswith(each.value.name, ".fifo")
  # Limits count for each group: orders are parallel, an order is not.
  deduplication_scope        = endswith(each.value.name, ".fifo") ? "messageGroup" : null
  fifo_throughput_limit      = endswith(each.value.name, ".fifo") ? "perMessageGroupId" : null
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = each.value.visibility
  message_retention_seconds  = local.fourteen_days
  max_message_size           = 262144

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.value.dlq].arn
    maxReceiveCount     = local.application.receives
  })
}

resource "aws_sqs_queue_policy" "files" {
  queue_url = aws_sqs_queue.queue["FilesQueue"].url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyOurBucketTells"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.queue["FilesQueue"].arn
      Condition = {
        ArnLike      = { "aws:SourceArn" = aws_s3_bucket.bucket.arn }
        StringEquals = { "aws:SourceAccount" = local.account }
      }
    }]
  })
}
