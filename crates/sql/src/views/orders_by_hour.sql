-- How many orders came in, by hour and channel.
--
-- Every order counts once, whatever became of it, in the hour (UTC) in which it first came in.
--
-- hour: The hour (UTC) in which the orders came in
-- merchant_id: The seller
-- channel: Where they came in
-- orders: How many orders
-- units: Units in them
SELECT
    DATE_TRUNC('hour', received_at) AS hour,
    merchant_id,
    channel,
    COUNT(*) AS orders,
    SUM(units) AS units
FROM orders
GROUP BY DATE_TRUNC('hour', received_at), merchant_id, channel
