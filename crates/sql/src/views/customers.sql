-- Who buys, by seller.
--
-- Customers are ids, or pseudonyms where an id would be personal data: nobody's name or address
-- is in the lake. Amounts are of orders that stand (COMPLETED, BACKORDERED, FULFILLED).
--
-- merchant_id: The seller
-- customer_id: The customer, as the seller calls them
-- orders: How many orders they placed, whatever became of them
-- standing: How many of those stand
-- cancelled: How many were cancelled
-- first_order: When their first order came in
-- last_order: When their last order came in
-- total: What their orders that stand come to
-- average: What one of those with a price comes to on average, to four decimals
SELECT
    merchant_id,
    customer_id,
    COUNT(*) AS orders,
    SUM(CASE WHEN status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED') THEN 1 ELSE 0 END)
        AS standing,
    SUM(CASE WHEN status = 'CANCELLED' THEN 1 ELSE 0 END) AS cancelled,
    MIN(received_at) AS first_order,
    MAX(received_at) AS last_order,
    SUM(CASE WHEN status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED') THEN total END) AS total,
    CAST(
        AVG(CASE WHEN status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED') THEN total END)
        AS DECIMAL(18, 4)
    ) AS average
FROM orders
WHERE customer_id IS NOT NULL
GROUP BY merchant_id, customer_id
