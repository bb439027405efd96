# What e-mails say.

mail-greeting = Hello, { $name },
mail-footer = Sent automatically by Comanda.
mail-more = and { $count } more

mail-received-subject = Order { $order } is in
mail-received = The order is in and being seen to.
mail-amended-subject = Order { $order } was changed
mail-amended = The order was changed. This is what it says now.
mail-completed-subject = Order { $order } is confirmed
mail-completed = Everything in the order is there and reserved.
mail-pending-subject = Order { $order } waits for stock
mail-pending = Not everything in the order is in stock yet. It keeps its place, and goes on by itself as soon as the goods arrive.
mail-rejected-subject = Order { $order } was rejected
mail-rejected = The order could not be taken.
mail-failed-subject = Order { $order } has failed
mail-failed = All attempts to see the order through are used up. It is in the dead letters and can be sent again from there.
mail-cancelled-subject = Order { $order } was cancelled
mail-cancelled = The order was called off. Nothing is reserved for it any more.
mail-fulfilled-subject = Order { $order } was handed over
mail-fulfilled = The goods were handed over.
mail-reason = Reason: { $reason }

mail-order = Order
mail-seller = Seller
mail-date = Received
mail-status = Status
mail-revision = Revision
mail-items = Items
mail-goods = Goods
mail-discounts = Discounts
mail-surcharges = Surcharges
mail-shipping = Shipping
mail-tax = Tax
mail-total = Total
mail-amount = Amount
mail-from-account = From account
mail-to-account = To account
mail-missing = { $wanted } wanted, { $available } in stock

mail-invalid-subject = { $count ->
    [one] { $count } document was no valid order
   *[other] { $count } documents were no valid orders
}
mail-invalid = Between { $from } and { $until } input came that was no valid order. It was recorded, and its senders were told what was wrong.
mail-invalid-at-least = There may have been more.
mail-invalid-codes = What was wrong
mail-invalid-first = The first of them
mail-invalid-no-id = without an order id
mail-invalid-where = `comanda audits list` shows all of them.

mail-batch-subject = Batch { $batch }: { $status }
mail-batch = The batch is over.
mail-batch-name = Batch
mail-batch-succeeded = Succeeded
mail-batch-failed = Failed
mail-batch-skipped = Skipped (duplicates)
mail-batch-items = Items
mail-batch-began = Begun
mail-batch-ended = Ended
mail-batch-where = `comanda batch show { $batch }` shows its summary, `comanda batch results { $batch }` every item.

mail-alert-subject = { $count ->
    [one] { $count } dead letter
   *[other] { $count } dead letters
}
mail-alert = Since { $since } something could not be seen through. It is kept among the dead letters and can be sent again from there.
mail-alert-kinds = What they are
mail-alert-sources = Whose they are
mail-alert-where = `comanda dlq list` shows them, `comanda dlq redrive` sends them again.

mail-test-subject = A test message from Comanda
mail-test = E-mail works: this message came the way notices come.
