-- What was sold, by day and seller.
--
-- Counts purchases that stand: COMPLETED, BACKORDERED and FULFILLED. Orders that wait for an
-- external step do not count yet; those that were rejected, failed or were cancelled do not any
-- more. An amended order counts once, as it is now, on the day it first came in. Orders without a
-- price count as orders, and add nothing to the amounts. Days are UTC, as those of the files: the
-- report has those of the installation's time zone.
--
-- day: The day (UTC) on which the orders came in
-- merchant_id: The seller
-- currency: Of the amounts
-- orders: How many orders
-- units: Units in them
-- gross: Lines at their prices, before any rule
-- discount: What rules took off the goods; negative where they cost more
-- tax: What rules put on top as tax
-- shipping: What shipping costs after rules
-- total: What the orders come to
SELECT
    CAST(received_at AS DATE) AS day,
    merchant_id,
    currency,
    COUNT(*) AS orders,
    SUM(units) AS units,
    SUM(subtotal) AS gross,
    SUM(discount) AS discount,
    SUM(tax) AS tax,
    SUM(shipping) AS shipping,
    SUM(total) AS total
FROM orders
WHERE
    kind = 'purchase'
    AND status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED')
GROUP BY CAST(received_at AS DATE), merchant_id, currency
