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

event-received = Received
event-priced = Priced
event-amended = Amended
event-allocated = Stock allocated
event-steps_awaited = Waits for external checks
event-step_taken_up = External check begun
event-step_passed = External check passed
event-step_removed = External check no longer there
event-step_ignored = Answer that nobody waited for
event-failed = External check failed
event-redriven = External checks asked again
event-rejected = Rejected
event-filled = Waiting lines filled
event-queued = Queued for stock
event-unreserved = Reservation taken back
event-cancelled = Cancelled
event-fulfilled = Handed over
event-repeated = Sent again
event-refused = A command was refused
