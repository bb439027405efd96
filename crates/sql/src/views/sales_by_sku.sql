-- What sells, by product.
--
-- Lines of orders that stand: those of orders that were rejected, failed or were cancelled, or
-- that still wait for an external step, are left out.
--
-- merchant_id: The seller
-- sku: The product
-- lines: How many lines of orders
-- units: Units in them
-- gross: What they cost before any rule
-- total: What they come to after rules
SELECT
    merchant_id,
    sku,
    COUNT(*) AS lines,
    SUM(quantity) AS units,
    SUM(base) AS gross,
    SUM(total) AS total
FROM order_lines
WHERE order_status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED')
GROUP BY merchant_id, sku
