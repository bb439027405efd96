-- Stock counters, by product: the sums of every movement there ever was.
--
-- merchant_id: The seller
-- sku: The product
-- on_hand: Units in the house
-- reserved: Units promised to orders, still in the house
-- available: Units nobody has been promised
-- waiting: Units that orders wait for
-- last_moved: When one of them last changed
SELECT
    merchant_id,
    sku,
    SUM(on_hand) AS on_hand,
    SUM(reserved) AS reserved,
    SUM(on_hand) - SUM(reserved) AS available,
    SUM(waiting) AS waiting,
    MAX(stock_movements.at) AS last_moved
FROM stock_movements
GROUP BY merchant_id, sku
