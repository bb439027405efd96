variable "name" {
  description = "What names of resources begin with."
  type        = string
  default     = "comanda"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "Small letters, digits and hyphens, 2 to 31 of them: a bucket is named after it."
  }
}

variable "region" {
  description = "Where it runs."
  type        = string
  default     = "us-east-1"
}

variable "artifact" {
  description = "The functions' artifact, made by `make lambda`."
  type        = string
  default     = "../../target/lambda/comanda-lambda.zip"
}

variable "architecture" {
  description = "What the artifact was built for."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "x86_64 or arm64."
  }
}

variable "alert_email" {
  description = "Who is told of invalid orders, of orders that wait for stock, and of alarms."
  type        = string
  default     = ""
}

variable "intake" {
  description = "direct decides an order before it is answered; deferred gives it its stock afterwards."
  type        = string
  default     = "direct"

  validation {
    condition     = contains(["direct", "deferred"], var.intake)
    error_message = "direct or deferred."
  }
}

variable "stock_shards" {
  description = "Rows that a product's stock is spread over; more than 1 for very hot products."
  type        = number
  default     = 1

  validation {
    condition     = var.stock_shards >= 1 && var.stock_shards <= 64
    error_message = "1 to 64."
  }
}

variable "config_key" {
  description = "Key of a file of settings in the bucket (config/comanda.toml); empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(config/[A-Za-z0-9._/-]+)?$", var.config_key))
    error_message = "Something below config/."
  }
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "requests_per_second" {
  description = "Requests per second that the stages let through in the long run."
  type        = number
  default     = 5000
}

variable "request_burst" {
  description = "Requests that the stages let through at once."
  type        = number
  default     = 2500
}

variable "make_api_account_role" {
  description = "Make the role by which API Gateway writes logs; false where the account has one."
  type        = bool
  default     = true
}

variable "protect" {
  description = "Refuse to delete the tables, and a bucket that is not empty."
  type        = bool
  default     = true
}

variable "private_network" {
  description = "Run the functions in private subnets that reach services of AWS and nothing else."
  type        = bool
  default     = false
}

variable "with_warehouse" {
  description = "Make a Redshift Serverless warehouse for the lake; it brings the network with it."
  type        = bool
  default     = false
}

variable "cidr" {
  description = "Addresses of the network: a /16 to /20."
  type        = string
  default     = "10.20.0.0/16"
}
