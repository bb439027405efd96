-- Brings the tables to what was staged,
-- made of the tables' and views' own lists: make it anew with
-- COMANDA_REMAKE=1 cargo test -p sql --test warehouse
-- Loading the same files again changes nothing, and files may come in any order: of an
-- order the version with the highest sequence stays. Run it in the transaction that staged
-- them.

SET search_path TO comanda;

CREATE TEMPORARY TABLE fresh_orders AS
SELECT
    newest.sequence,
    newest.first_sequence,
    newest.merchant_id,
    newest.order_id,
    newest.version,
    newest.revision,
    newest.kind,
    newest.channel,
    newest.status,
    newest.customer_id,
    newest.batch_id,
    newest.batch_index,
    newest.currency,
    newest.received_at,
    newest.updated_at,
    newest.ordered_at,
    newest.completed_at,
    newest.completed_after_ms,
    newest.total,
    newest.subtotal,
    newest.discount,
    newest.shipping,
    newest.tax,
    newest.lines,
    newest.units,
    newest.units_reserved,
    newest.units_backordered,
    newest.shortage_policy,
    newest.city,
    newest.state,
    newest.postal_prefix,
    newest.payment_method,
    newest.rule_set,
    newest.warnings,
    newest.rejection,
    newest.step
FROM (
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
        step,
        ROW_NUMBER()
            OVER (PARTITION BY merchant_id, order_id ORDER BY sequence DESC)
            AS place
    FROM staged_orders
) AS newest
LEFT JOIN orders AS kept
    ON newest.merchant_id = kept.merchant_id
    AND newest.order_id = kept.order_id
    AND newest.sequence <= kept.sequence
WHERE newest.place = 1 AND kept.sequence IS NULL;

MERGE INTO orders
USING fresh_orders AS fresh
ON orders.merchant_id = fresh.merchant_id
    AND orders.order_id = fresh.order_id
WHEN MATCHED THEN UPDATE SET
    sequence = fresh.sequence,
    first_sequence = fresh.first_sequence,
    version = fresh.version,
    revision = fresh.revision,
    kind = fresh.kind,
    channel = fresh.channel,
    status = fresh.status,
    customer_id = fresh.customer_id,
    batch_id = fresh.batch_id,
    batch_index = fresh.batch_index,
    currency = fresh.currency,
    received_at = fresh.received_at,
    updated_at = fresh.updated_at,
    ordered_at = fresh.ordered_at,
    completed_at = fresh.completed_at,
    completed_after_ms = fresh.completed_after_ms,
    total = fresh.total,
    subtotal = fresh.subtotal,
    discount = fresh.discount,
    shipping = fresh.shipping,
    tax = fresh.tax,
    lines = fresh.lines,
    units = fresh.units,
    units_reserved = fresh.units_reserved,
    units_backordered = fresh.units_backordered,
    shortage_policy = fresh.shortage_policy,
    city = fresh.city,
    state = fresh.state,
    postal_prefix = fresh.postal_prefix,
    payment_method = fresh.payment_method,
    rule_set = fresh.rule_set,
    warnings = fresh.warnings,
    rejection = fresh.rejection,
    step = fresh.step
WHEN NOT MATCHED THEN INSERT (
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
) VALUES (
    fresh.sequence,
    fresh.first_sequence,
    fresh.merchant_id,
    fresh.order_id,
    fresh.version,
    fresh.revision,
    fresh.kind,
    fresh.channel,
    fresh.status,
    fresh.customer_id,
    fresh.batch_id,
    fresh.batch_index,
    fresh.currency,
    fresh.received_at,
    fresh.updated_at,
    fresh.ordered_at,
    fresh.completed_at,
    fresh.completed_after_ms,
    fresh.total,
    fresh.subtotal,
    fresh.discount,
    fresh.shipping,
    fresh.tax,
    fresh.lines,
    fresh.units,
    fresh.units_reserved,
    fresh.units_backordered,
    fresh.shortage_policy,
    fresh.city,
    fresh.state,
    fresh.postal_prefix,
    fresh.payment_method,
    fresh.rule_set,
    fresh.warnings,
    fresh.rejection,
    fresh.step
);

DELETE FROM order_lines
USING fresh_orders AS fresh
WHERE
    order_lines.merchant_id = fresh.merchant_id
    AND order_lines.order_id = fresh.order_id;

INSERT INTO order_lines (
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
)
SELECT
    staged.sequence,
    staged.first_sequence,
    staged.merchant_id,
    staged.order_id,
    staged.line,
    staged.sku,
    staged.quantity,
    staged.unit_price,
    staged.base,
    staged.total,
    staged.status,
    staged.order_status,
    staged.received_at
FROM staged_order_lines AS staged
INNER JOIN fresh_orders AS fresh ON staged.sequence = fresh.sequence;

DELETE FROM order_rules
USING fresh_orders AS fresh
WHERE
    order_rules.merchant_id = fresh.merchant_id
    AND order_rules.order_id = fresh.order_id;

INSERT INTO order_rules (
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
)
SELECT
    staged.sequence,
    staged.first_sequence,
    staged.merchant_id,
    staged.order_id,
    staged.rule_set,
    staged.rule_id,
    staged.target,
    staged.line,
    staged.amount,
    staged.order_status,
    staged.received_at,
    staged.order_count
FROM staged_order_rules AS staged
INNER JOIN fresh_orders AS fresh ON staged.sequence = fresh.sequence;

INSERT INTO order_events (
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
)
SELECT
    staged.sequence,
    staged.position,
    staged.merchant_id,
    staged.order_id,
    staged.first_sequence,
    staged.revision,
    staged.event,
    staged.at,
    staged.status,
    staged.channel,
    staged.detail
FROM staged_order_events AS staged
LEFT JOIN (SELECT DISTINCT sequence FROM order_events) AS kept
    ON staged.sequence = kept.sequence
WHERE kept.sequence IS NULL;

INSERT INTO stock_movements (
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
)
SELECT
    staged.sequence,
    staged.position,
    staged.at,
    staged.merchant_id,
    staged.sku,
    staged.on_hand,
    staged.reserved,
    staged.waiting,
    staged.order_id,
    staged.reason,
    staged.note
FROM staged_stock_movements AS staged
LEFT JOIN (SELECT DISTINCT sequence FROM stock_movements) AS kept
    ON staged.sequence = kept.sequence
WHERE kept.sequence IS NULL;

CREATE TEMPORARY TABLE fresh_batches AS
SELECT
    newest.sequence,
    newest.batch_id,
    newest.status,
    newest.reason,
    newest.started_at,
    newest.updated_at,
    newest.stopped_at,
    newest.total,
    newest.succeeded,
    newest.failed,
    newest.skipped,
    newest.rule_set
FROM (
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
        rule_set,
        ROW_NUMBER()
            OVER (PARTITION BY batch_id ORDER BY sequence DESC)
            AS place
    FROM staged_batches
) AS newest
LEFT JOIN batches AS kept
    ON newest.batch_id = kept.batch_id
    AND newest.sequence <= kept.sequence
WHERE newest.place = 1 AND kept.sequence IS NULL;

MERGE INTO batches
USING fresh_batches AS fresh
ON batches.batch_id = fresh.batch_id
WHEN MATCHED THEN UPDATE SET
    sequence = fresh.sequence,
    status = fresh.status,
    reason = fresh.reason,
    started_at = fresh.started_at,
    updated_at = fresh.updated_at,
    stopped_at = fresh.stopped_at,
    total = fresh.total,
    succeeded = fresh.succeeded,
    failed = fresh.failed,
    skipped = fresh.skipped,
    rule_set = fresh.rule_set
WHEN NOT MATCHED THEN INSERT (
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
) VALUES (
    fresh.sequence,
    fresh.batch_id,
    fresh.status,
    fresh.reason,
    fresh.started_at,
    fresh.updated_at,
    fresh.stopped_at,
    fresh.total,
    fresh.succeeded,
    fresh.failed,
    fresh.skipped,
    fresh.rule_set
);

INSERT INTO rejects (
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
)
SELECT
    staged.sequence,
    staged.at,
    staged.kind,
    staged.channel,
    staged.source,
    staged.merchant_id,
    staged.order_id,
    staged.batch_id,
    staged.batch_index,
    staged.code,
    staged.violations,
    staged.codes,
    staged.verb,
    staged.count
FROM staged_rejects AS staged
LEFT JOIN (SELECT DISTINCT sequence FROM rejects) AS kept
    ON staged.sequence = kept.sequence
WHERE kept.sequence IS NULL;
