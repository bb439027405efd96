-- What is backordered now, by product.
--
-- Lines whose units wait in a product's queue, or stand by for an order that ships complete.
--
-- merchant_id: The seller
-- sku: The product
-- units: Units waited for
-- orders: How many orders wait for it
-- oldest: When the order that waits longest came in
SELECT
    merchant_id,
    sku,
    SUM(quantity) AS units,
    COUNT(DISTINCT first_sequence) AS orders,
    MIN(received_at) AS oldest
FROM order_lines
WHERE status = 'BACKORDERED'
GROUP BY merchant_id, sku
