-- What each pricing rule gave away or added, by seller.
--
-- Orders that stand (COMPLETED, BACKORDERED, FULFILLED). A discount is negative, a surcharge or a
-- tax is positive.
--
-- merchant_id: The seller
-- rule_set: The version of the rules
-- rule_id: The rule
-- orders: How many orders it had a part in
-- amount: What it came to
SELECT
    merchant_id,
    rule_set,
    rule_id,
    SUM(order_count) AS orders,
    SUM(amount) AS amount
FROM order_rules
WHERE order_status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED')
GROUP BY merchant_id, rule_set, rule_id
