# What the lists say, and what resources are called in them.

data "aws_caller_identity" "here" {}
data "aws_partition" "here" {}

locals {
  application = jsondecode(file("${path.module}/../application.json"))
  table       = jsondecode(file("${path.module}/../../crates/aws/table.json"))
  functions   = local.application.functions
  queues      = local.application.queues

  account = data.aws_caller_identity.here.account_id
  arn     = "arn:${data.aws_partition.here.partition}"
  # A bucket's name is the only one of its kind in the world.
  bucket = "${var.name}-${local.account}-${var.region}"

  # Names in the lists, and the resources they stand for.
  resources = merge(
    { "*" = "*" },
    {
      Table       = aws_dynamodb_table.table.arn
      OrdersInbox = aws_dynamodb_table.orders_inbox.arn
      Bucket      = aws_s3_bucket.bucket.arn
    },
    { for id, queue in aws_sqs_queue.queue : id => queue.arn },
    { for id, queue in aws_sqs_queue.dead : id => queue.arn },
    { for id, topic in aws_sns_topic.topic : id => topic.arn },
  )

  environment = {
    COMANDA_TABLE           = aws_dynamodb_table.table.name
    COMANDA_BUCKET          = aws_s3_bucket.bucket.bucket
    COMANDA_WORK_QUEUE      = aws_sqs_queue.queue["WorkQueue"].url
    COMANDA_FILES_QUEUE     = aws_sqs_queue.queue["FilesQueue"].url
    COMANDA_TOPIC_COMPLETED = aws_sns_topic.topic["CompletedTopic"].arn
    COMANDA_TOPIC_PENDING   = aws_sns_topic.topic["PendingTopic"].arn
    COMANDA_TOPIC_ERRORS    = aws_sns_topic.topic["ErrorsTopic"].arn
    COMANDA_TOPIC_BATCHES   = aws_sns_topic.topic["BatchesTopic"].arn
    COMANDA_INTAKE          = var.intake
    COMANDA_STOCK_SHARDS    = tostring(var.stock_shards)
    COMANDA_API_ACCESS      = "keys"
    COMANDA_CONFIG          = var.config_key
  }
}
