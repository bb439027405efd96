# Problems: a title, and what to know or do about it.

problem-malformed-title = Malformed document
problem-malformed = The content cannot be read ({ $about }).

problem-invalid-title = Invalid document
problem-invalid = The content breaks the rules listed under 'violations'.

problem-bad_parameter-title = Bad parameter
problem-bad_parameter = Parameter '{ $about }' is unknown, repeated or invalid.

problem-unsupported_filters-title = Unsupported filters
problem-unsupported_filters = This combination of filters is not offered; offered are: { $about }.

problem-unauthorized-title = Key required
problem-unauthorized = Give a valid API key as 'Authorization: Bearer' or 'X-Api-Key'.

problem-forbidden-title = Not allowed
problem-forbidden = This API key does not have the scope '{ $about }'.

problem-no_route-title = No such address
problem-no_route = There is nothing at this address.

problem-not_found-title = Not found
problem-not_found = There is nothing of this name.

problem-method_not_allowed-title = Method not allowed
problem-method_not_allowed = This address does not take this method.

problem-body_timeout-title = Request timed out
problem-body_timeout = The content did not arrive in time.

problem-body_broken-title = Content broke off
problem-body_broken = The content ended before it was complete.

problem-duplicate-title = Duplicate order
problem-duplicate = This seller has sent an order with this id before; the first one counts.

problem-ambiguous_order-title = Ambiguous id
problem-ambiguous_order = Several sellers have an order with this id; give 'merchant_id'.

problem-wrong_state-title = State does not allow it
problem-wrong_state = In state '{ $about }' this cannot be done.

problem-would_reject-title = Amendment finds no stock
problem-would_reject = The amended order would be rejected for want of stock; it stays as it is.

problem-stale_revision-title = Revision is not current
problem-stale_revision = The order is at revision { $about }; read it again before amending it.

problem-too_many_revisions-title = Too many revisions
problem-too_many_revisions = The order has { $about } revisions, the most there may be.

problem-other_order-title = Another order
problem-other_order = The amended document names another order or another seller.

problem-bad_idempotency_key-title = Bad idempotency key
problem-bad_idempotency_key = 'Idempotency-Key' must be given once, with 1 to 255 printable ASCII characters.

problem-idempotency_key_reused-title = Key used before
problem-idempotency_key_reused = This 'Idempotency-Key' was used with other content; nothing was done.

problem-below_reserved-title = Below what is reserved
problem-below_reserved = Less would be left than is reserved; use "release": "newest" to take the newest reservations back.

problem-stock_out_of_range-title = Stock out of range
problem-stock_out_of_range = Stock may not be negative or above ten billion units.

problem-too_many_releases-title = Too many reservations
problem-too_many_releases = Too many reservations would have to be taken back at once; use smaller steps.

problem-batch_conflict-title = Batch conflict
problem-batch_conflict = This batch id was used for other content.

problem-too_large-title = Content too large
problem-too_large = The content is above the limit ({ $about }).

problem-unsupported_media_type-title = Unsupported media type
problem-unsupported_media_type = Accepted are only: { $about }; without Content-Encoding.

problem-unsupported_command-title = Command not offered
problem-unsupported_command = An amendment cannot cancel the order; use the address '/cancel'.

problem-too_many_requests-title = Too many requests
problem-too_many_requests = This client's allowance of requests is used up.

problem-disk_full-title = Disk full
problem-disk_full = There is no disk space for the batch; nothing was done.

problem-queue_full-title = Queue full
problem-queue_full = Too much is waiting already; nothing was done, try again.

problem-disk_space-title = Low disk space
problem-disk_space = Disk space is below the safe minimum; nothing was done.

problem-batches_busy-title = Too many batches
problem-batches_busy = No more batches can be started now; nothing was done.

problem-bad_statement-title = Statement cannot be answered
problem-bad_statement = { $about }

problem-only_reading-title = Only reading
problem-only_reading = { $about }

problem-statement_limit-title = Statement takes too much
problem-statement_limit = { $about }. Ask for less: fewer days, fewer columns, or a sum.

problem-statements_busy-title = Too many statements
problem-statements_busy = As many statements run as may at once; nothing was done.

problem-no_lake-title = Nothing to ask
problem-no_lake = The tables cannot be read now, or are not kept here (setting lake.enabled).

problem-not_offered-title = Not offered here
problem-not_offered = This is not offered where the API runs: { $about }

not-offered-webhooks = notices go to topics (SNS); subscribe an HTTPS address there.
not-offered-links = links to documents are the bucket's own, and there is no secret of ours to replace.
not-offered-queries = SQL is asked of the lake in the bucket, by Redshift or whatever else reads Parquet.
not-offered-followers = functions follow the log; CloudWatch says how far behind they are.
not-offered-metrics = figures are in CloudWatch.
not-offered-events = answers end with their function; follow the topics, or the objects of changes in the bucket.
not-offered-batches = put the file into the bucket (inbox/), or start the state machine of batches.
not-offered-results = what became of items is in the bucket: below reports/ for files, below batches/ for the state machine.
not-offered-control = a batch is stopped and redriven where it runs: in Step Functions, or by sending its rejects again.

problem-outcome_unknown-title = Outcome unknown
problem-outcome_unknown = The outcome is unknown; retry with the same id.

problem-timeout-title = Timed out
problem-timeout = The answer took too long and the outcome is unknown; retry with the same id.

problem-shutting_down-title = Shutting down
problem-shutting_down = The server is shutting down; nothing was done.

problem-internal-title = Internal error
problem-internal = Something went wrong on our side; it was logged.

problem-order_not_found-title = Order not found
problem-order_not_found = There is no order of this id.

# The limit that was passed.

about-bytes = { $limit } bytes
about-rows = { $limit } rows

problem-link_unknown-title = Unknown link
problem-link_unknown = This link was not given out here, or was changed; ask for another.

problem-link_expired-title = Expired link
problem-link_expired = This link's time is over; ask for another.

problem-already_settled-title = Already settled
problem-already_settled = This dead letter has ended before; nothing was done.

problem-not_redrivable-title = Not sent again
problem-not_redrivable = Dead letters of this kind are not sent again: a disabled endpoint is enabled, and what a follower missed is replayed.

problem-payload_gone-title = Document not kept
problem-payload_gone = The document of this dead letter is not kept, or no longer; send one in the body.

problem-payload_not_taken-title = No document taken
problem-payload_not_taken = What is sent again is made anew of the order; it takes no document.

problem-redrive_running-title = Another is on its way
problem-redrive_running = Many dead letters are being redriven or purged already; wait for that, or stop it.

problem-too_many_secrets-title = Too many secrets
problem-too_many_secrets = Too many secrets still have links that count; earlier=end ends them all.

problem-not_quotable-title = Not quotable
problem-not_quotable = Only new orders are quoted; this one amends or cancels an order.

problem-too_many_webhooks-title = Too many webhooks
problem-too_many_webhooks = There are { $about } webhook endpoints already.
