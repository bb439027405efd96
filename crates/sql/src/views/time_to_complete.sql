-- How long orders took from coming in to being complete, by day, seller and channel.
--
-- Percentiles are exact, by nearest rank: p90 is the shortest time within which 90 of 100 orders
-- were complete, to the millisecond. Orders that are not complete yet are not in it.
--
-- day: The day (UTC) on which the orders came in
-- merchant_id: The seller
-- channel: Where they came in
-- orders: How many orders
-- p50_ms: Half of them were complete within so many milliseconds
-- p90_ms: 90 of 100 were
-- p99_ms: 99 of 100 were
-- longest_ms: All of them were
SELECT
    day,
    merchant_id,
    channel,
    SUM(orders) AS orders,
    MIN(CASE WHEN up_to * 100 >= of_all * 50 THEN took_ms END) AS p50_ms,
    MIN(CASE WHEN up_to * 100 >= of_all * 90 THEN took_ms END) AS p90_ms,
    MIN(CASE WHEN up_to * 100 >= of_all * 99 THEN took_ms END) AS p99_ms,
    MAX(took_ms) AS longest_ms
FROM (
    SELECT
        day,
        merchant_id,
        channel,
        took_ms,
        orders,
        SUM(orders) OVER (
            PARTITION BY day, merchant_id, channel
            ORDER BY took_ms
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS up_to,
        SUM(orders) OVER (PARTITION BY day, merchant_id, channel) AS of_all
    FROM (
        -- Most orders are complete in the commit that takes them in: few times are left.
        SELECT
            CAST(received_at AS DATE) AS day,
            merchant_id,
            channel,
            completed_after_ms AS took_ms,
            COUNT(*) AS orders
        FROM orders
        WHERE completed_after_ms IS NOT NULL
        GROUP BY
            CAST(received_at AS DATE), merchant_id, channel, completed_after_ms
    ) AS counted
) AS ranked
GROUP BY day, merchant_id, channel
