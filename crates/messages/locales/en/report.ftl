# What a report says.

report-title = Report
report-period = { $from } to { $to }
report-made = Made on { $at } · days of { $zone }
report-all-merchants = All merchants
report-of-merchant = Merchant: { $merchant }
report-received = Orders received
report-sold = Orders sold
report-revenue = Revenue
report-average = Average order
report-short-now = Units missing now
report-short-products = { $count ->
    [one] of { $count } product
   *[other] of { $count } products
}
report-nothing = Nothing in these days.
report-nothing-short = Nothing is missing.
report-nothing-rejected = Everything that came was taken.
report-over-time = Over time
report-revenue-by-day = Revenue by day
report-revenue-by-month = Revenue by month
report-orders-by-day = Orders received by day
report-orders-by-month = Orders received by month
report-outcomes = What became of the orders
report-not-taken = What was not taken in
report-products = Products that sold most
report-shortages = Products that are missing now
report-times = Time until an order is complete
report-times-note = Exact, by nearest rank: the time within which half, 90 and 99 of 100 orders were complete.
report-half = Half of the orders
report-of-100 = { $part } of 100
report-rules = What pricing rules came to
report-rules-note = Negative is given away, positive is added. Of orders that stand.
report-day = Day
report-month = Month
report-orders = Orders
report-share = Share
report-inputs = Inputs
report-rule-set = Rule set
report-waiting-orders = Orders that wait
report-waiting-since = Since
report-shipping = Shipping
report-tax = Tax
report-discount = Discounts
report-all = All
report-sum = Sum
report-numbers = Numbers
report-footnote = Revenue counts purchases that stand: confirmed, backordered or fulfilled, as they are now, on the day they came in. Rejected, failed and cancelled orders, and those that wait for an external check, add nothing. Amounts are exact to the cent; bars and lines are drawn to the pixel.
report-written = the report is in { $path }
report-no-period = --from must not be after --to, and a report is of { $days } days at most
report-no-merchant = --merchant takes 1 to 128 bytes without control characters
report-no-amount = "{ $text }" in the answer is no amount
