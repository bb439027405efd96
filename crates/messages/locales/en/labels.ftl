# States, as people call them.

order-INVALID = Invalid
order-RECEIVED = Received
order-PROCESSING = Processing
order-COMPLETED = Completed
order-BACKORDERED = Backordered
order-REJECTED = Rejected
order-FAILED = Failed
order-CANCELLED = Cancelled
order-FULFILLED = Fulfilled

line-OPEN = Open
line-UNTRACKED = Untracked
line-RESERVED = Reserved
line-BACKORDERED = Backordered
line-FULFILLED = Fulfilled

batch-RUNNING = Running
batch-SUCCEEDED = Succeeded
batch-FAILED = Failed
batch-ABORTED = Aborted
