-- The tables of the lake in Redshift, made of the tables' and views' own lists: make it anew with
-- COMANDA_REMAKE=1 cargo test -p sql --test warehouse

CREATE SCHEMA IF NOT EXISTS comanda;

SET search_path TO comanda;

CREATE TABLE IF NOT EXISTS orders (
    sequence BIGINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    merchant_id VARCHAR(128) NOT NULL,
    order_id VARCHAR(128) NOT NULL,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    kind VARCHAR(1024) NOT NULL,
    channel VARCHAR(1024) NOT NULL,
    status VARCHAR(1024) NOT NULL,
    customer_id VARCHAR(128),
    batch_id VARCHAR(128),
    batch_index BIGINT,
    currency VARCHAR(1024) NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    ordered_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    completed_after_ms BIGINT,
    total DECIMAL(18, 4),
    subtotal DECIMAL(18, 4),
    discount DECIMAL(18, 4),
    shipping DECIMAL(18, 4),
    tax DECIMAL(18, 4),
    lines BIGINT NOT NULL,
    units BIGINT NOT NULL,
    units_reserved BIGINT NOT NULL,
    units_backordered BIGINT NOT NULL,
    shortage_policy VARCHAR(1024) NOT NULL,
    city VARCHAR(1024),
    state VARCHAR(1024),
    postal_prefix VARCHAR(1024),
    payment_method VARCHAR(1024),
    rule_set BIGINT,
    warnings BIGINT NOT NULL,
    rejection VARCHAR(1024),
    step VARCHAR(1024),
    PRIMARY KEY (merchant_id, order_id)
)
DISTKEY (order_id)
COMPOUND SORTKEY (received_at, merchant_id);

CREATE TABLE IF NOT EXISTS order_lines (
    sequence BIGINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    merchant_id VARCHAR(128) NOT NULL,
    order_id VARCHAR(128) NOT NULL,
    line BIGINT NOT NULL,
    sku VARCHAR(128) NOT NULL,
    quantity BIGINT NOT NULL,
    unit_price DECIMAL(18, 6),
    base DECIMAL(18, 4),
    total DECIMAL(18, 4),
    status VARCHAR(1024) NOT NULL,
    order_status VARCHAR(1024) NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sequence, line)
)
DISTKEY (order_id)
COMPOUND SORTKEY (received_at, merchant_id, sku);

CREATE TABLE IF NOT EXISTS order_rules (
    sequence BIGINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    merchant_id VARCHAR(128) NOT NULL,
    order_id VARCHAR(128) NOT NULL,
    rule_set BIGINT NOT NULL,
    rule_id VARCHAR(128) NOT NULL,
    target VARCHAR(1024) NOT NULL,
    line BIGINT,
    amount DECIMAL(18, 4),
    order_status VARCHAR(1024) NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    order_count BIGINT NOT NULL
)
DISTKEY (order_id)
COMPOUND SORTKEY (received_at, rule_set);

CREATE TABLE IF NOT EXISTS order_events (
    sequence BIGINT NOT NULL,
    position BIGINT NOT NULL,
    merchant_id VARCHAR(128) NOT NULL,
    order_id VARCHAR(128) NOT NULL,
    first_sequence BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    event VARCHAR(1024) NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    status VARCHAR(1024) NOT NULL,
    channel VARCHAR(1024),
    detail VARCHAR(65535),
    PRIMARY KEY (sequence, position)
)
DISTKEY (order_id)
COMPOUND SORTKEY (at, merchant_id);

CREATE TABLE IF NOT EXISTS stock_movements (
    sequence BIGINT NOT NULL,
    position BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    merchant_id VARCHAR(128) NOT NULL,
    sku VARCHAR(128) NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    order_id VARCHAR(128),
    reason VARCHAR(1024) NOT NULL,
    note VARCHAR(65535),
    PRIMARY KEY (sequence, position)
)
DISTKEY (sku)
COMPOUND SORTKEY (merchant_id, sku, at);

CREATE TABLE IF NOT EXISTS batches (
    sequence BIGINT NOT NULL,
    batch_id VARCHAR(128) NOT NULL,
    status VARCHAR(1024) NOT NULL,
    reason VARCHAR(1024),
    started_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    stopped_at TIMESTAMPTZ,
    total BIGINT,
    succeeded BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    rule_set BIGINT,
    PRIMARY KEY (batch_id)
)
DISTSTYLE ALL
SORTKEY (started_at);

CREATE TABLE IF NOT EXISTS rejects (
    sequence BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    kind VARCHAR(1024) NOT NULL,
    channel VARCHAR(1024),
    source VARCHAR(65535),
    merchant_id VARCHAR(128),
    order_id VARCHAR(128),
    batch_id VARCHAR(128),
    batch_index BIGINT,
    code VARCHAR(1024),
    violations BIGINT NOT NULL,
    codes VARCHAR(65535),
    verb VARCHAR(1024),
    count BIGINT NOT NULL
)
DISTSTYLE EVEN
SORTKEY (at);

-- Which stretches of the log are in the tables: the next load goes on behind them.
CREATE TABLE IF NOT EXISTS lake_loads (
    manifest BIGINT NOT NULL,
    day DATE NOT NULL,
    from_sequence BIGINT NOT NULL,
    until_sequence BIGINT NOT NULL,
    loaded_at TIMESTAMPTZ NOT NULL
)
DISTSTYLE ALL
SORTKEY (until_sequence);
