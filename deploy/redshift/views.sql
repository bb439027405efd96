-- The views of Comanda's own SQL, made of the tables' and views' own lists: make it anew with
-- COMANDA_REMAKE=1 cargo test -p sql --test warehouse
-- Days are those of the session's time zone, which is UTC unless it is set.

SET search_path TO comanda;

-- Who buys, by seller.
CREATE OR REPLACE VIEW customers AS
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
GROUP BY merchant_id, customer_id;

-- How many orders came in, by hour and channel.
CREATE OR REPLACE VIEW orders_by_hour AS
SELECT
    DATE_TRUNC('hour', received_at) AS hour,
    merchant_id,
    channel,
    COUNT(*) AS orders,
    SUM(units) AS units
FROM orders
GROUP BY DATE_TRUNC('hour', received_at), merchant_id, channel;

-- How many orders stand where, by seller.
CREATE OR REPLACE VIEW orders_by_status AS
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
GROUP BY merchant_id, kind, status, currency;

-- What was not taken in, and why, by day.
CREATE OR REPLACE VIEW rejects_by_code AS
SELECT
    CAST(rejects.at AS DATE) AS day,
    merchant_id,
    kind,
    code,
    SUM(rejects.count) AS inputs
FROM rejects
GROUP BY CAST(rejects.at AS DATE), merchant_id, kind, code;

-- What was sold, by day and seller.
CREATE OR REPLACE VIEW revenue_by_day AS
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
GROUP BY CAST(received_at AS DATE), merchant_id, currency;

-- What each pricing rule gave away or added, by seller.
CREATE OR REPLACE VIEW rule_cost AS
SELECT
    merchant_id,
    rule_set,
    rule_id,
    SUM(order_count) AS orders,
    SUM(amount) AS amount
FROM order_rules
WHERE order_status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED')
GROUP BY merchant_id, rule_set, rule_id;

-- What sells, by product.
CREATE OR REPLACE VIEW sales_by_sku AS
SELECT
    merchant_id,
    sku,
    COUNT(*) AS lines,
    SUM(quantity) AS units,
    SUM(base) AS gross,
    SUM(total) AS total
FROM order_lines
WHERE order_status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED')
GROUP BY merchant_id, sku;

-- What is backordered now, by product.
CREATE OR REPLACE VIEW shortages_by_sku AS
SELECT
    merchant_id,
    sku,
    SUM(quantity) AS units,
    COUNT(DISTINCT first_sequence) AS orders,
    MIN(received_at) AS oldest
FROM order_lines
WHERE status = 'BACKORDERED'
GROUP BY merchant_id, sku;

-- Stock counters, by product: the sums of every movement there ever was.
CREATE OR REPLACE VIEW stock_on_hand AS
SELECT
    merchant_id,
    sku,
    SUM(on_hand) AS on_hand,
    SUM(reserved) AS reserved,
    SUM(on_hand) - SUM(reserved) AS available,
    SUM(waiting) AS waiting,
    MAX(stock_movements.at) AS last_moved
FROM stock_movements
GROUP BY merchant_id, sku;

-- How long orders took from coming in to being complete, by day, seller and channel.
CREATE OR REPLACE VIEW time_to_complete AS
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
GROUP BY day, merchant_id, channel;
