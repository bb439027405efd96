-- How many orders stand where, by seller.
--
-- Every order counts once, as it is now.
--
-- merchant_id: The seller
-- kind: Goods (purchase) or money (transfer)
-- status: Where the orders stand
-- currency: Of the amounts
-- orders: How many orders
-- total: What they come to
-- oldest: When the first of them came in
-- newest: When the last of them came in
SELECT
    merchant_id,
    kind,
    status,
    currency,
    COUNT(*) AS orders,
    SUM(total) AS total,
    MIN(received_at) AS oldest,
    MAX(received_at) AS newest
FROM orders
GROUP BY merchant_id, kind, status, currency
