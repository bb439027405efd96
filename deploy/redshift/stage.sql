-- Takes files of the lake into temporary tables,
-- made of the tables' and views' own lists: make it anew with
-- COMANDA_REMAKE=1 cargo test -p sql --test warehouse
-- ${copies} is where load.py puts the lists of files, ${role} the role that reads them.

SET search_path TO comanda;

CREATE TEMPORARY TABLE staged_orders AS
SELECT
    sequence,
    first_sequence,
    merchant_id,
    order_id,
    version,
    revision,
    kind,
    channel,
    status,
    customer_id,
    batch_id,
    batch_index,
    currency,
    received_at,
    updated_at,
    ordered_at,
    completed_at,
    completed_after_ms,
    total,
    subtotal,
    discount,
    shipping,
    tax,
    lines,
    units,
    units_reserved,
    units_backordered,
    shortage_policy,
    city,
    state,
    postal_prefix,
    payment_method,
    rule_set,
    warnings,
    rejection,
    step
FROM orders
WHERE 1 = 0;

COPY staged_orders
FROM '${copies}/orders.manifest'
IAM_ROLE '${role}'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMPORARY TABLE staged_order_lines AS
SELECT
    sequence,
    first_sequence,
    merchant_id,
    order_id,
    line,
    sku,
    quantity,
    unit_price,
    base,
    total,
    status,
    order_status,
    received_at
FROM order_lines
WHERE 1 = 0;

COPY staged_order_lines
FROM '${copies}/order_lines.manifest'
IAM_ROLE '${role}'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMPORARY TABLE staged_order_rules AS
SELECT
    sequence,
    first_sequence,
    merchant_id,
    order_id,
    rule_set,
    rule_id,
    target,
    line,
    amount,
    order_status,
    received_at,
    order_count
FROM order_rules
WHERE 1 = 0;

COPY staged_order_rules
FROM '${copies}/order_rules.manifest'
IAM_ROLE '${role}'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMPORARY TABLE staged_order_events AS
SELECT
    sequence,
    position,
    merchant_id,
    order_id,
    first_sequence,
    revision,
    event,
    at,
    status,
    channel,
    detail
FROM order_events
WHERE 1 = 0;

COPY staged_order_events
FROM '${copies}/order_events.manifest'
IAM_ROLE '${role}'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMPORARY TABLE staged_stock_movements AS
SELECT
    sequence,
    position,
    at,
    merchant_id,
    sku,
    on_hand,
    reserved,
    waiting,
    order_id,
    reason,
    note
FROM stock_movements
WHERE 1 = 0;

COPY staged_stock_movements
FROM '${copies}/stock_movements.manifest'
IAM_ROLE '${role}'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMPORARY TABLE staged_batches AS
SELECT
    sequence,
    batch_id,
    status,
    reason,
    started_at,
    updated_at,
    stopped_at,
    total,
    succeeded,
    failed,
    skipped,
    rule_set
FROM batches
WHERE 1 = 0;

COPY staged_batches
FROM '${copies}/batches.manifest'
IAM_ROLE '${role}'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMPORARY TABLE staged_rejects AS
SELECT
    sequence,
    at,
    kind,
    channel,
    source,
    merchant_id,
    order_id,
    batch_id,
    batch_index,
    code,
    violations,
    codes,
    verb,
    count
FROM rejects
WHERE 1 = 0;

COPY staged_rejects
FROM '${copies}/rejects.manifest'
IAM_ROLE '${role}'
FORMAT AS PARQUET
MANIFEST;
