-- The peer's tables: what Comanda keeps, laid out for the fewest page writes per order.

-- What changes later, apart from what never does: an update here rewrites 100 bytes, not 1.3 KB.
CREATE TABLE orders (
    seq      bigint NOT NULL,
    status   smallint NOT NULL,
    total    bigint NOT NULL,
    order_id text NOT NULL,
    merchant text NOT NULL,
    PRIMARY KEY (order_id, merchant)
) WITH (fillfactor = 90);

-- The first change of every order and its document: append-only, in sequence.
CREATE TABLE log (
    seq      bigint PRIMARY KEY,
    at       bigint NOT NULL,
    change   bytea NOT NULL,
    document bytea NOT NULL
);
ALTER TABLE log ALTER COLUMN document SET STORAGE EXTERNAL;

CREATE TABLE duplicates (
    at       bigint NOT NULL,
    order_id text NOT NULL,
    merchant text NOT NULL
);

CREATE TABLE products (
    id       integer PRIMARY KEY,
    merchant text NOT NULL,
    sku      text NOT NULL,
    UNIQUE (merchant, sku)
);

-- Counters alone, in pages that are two thirds empty after loading: every update stays on its
-- page and touches no index. The fill factor goes back up after loading (see `load`), because
-- PostgreSQL cleans a page on every visit while less is free than the fill factor wants.
CREATE TABLE stock (
    id       integer PRIMARY KEY,
    on_hand  bigint NOT NULL,
    reserved bigint NOT NULL DEFAULT 0,
    waiting  bigint NOT NULL DEFAULT 0,
    CONSTRAINT never_oversold CHECK (reserved <= on_hand)
) WITH (fillfactor = 30);

-- Takes all of it or nothing: the application decides order by order when this refuses.
-- The committers' sessions allow nested loops only: rows are visited in the order of the array,
-- which is sorted, so two committers never wait for each other in a circle.
CREATE FUNCTION reserve(ids integer[], wanted bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    taken integer;
BEGIN
    UPDATE stock s SET reserved = s.reserved + d.quantity
    FROM unnest(ids, wanted) AS d(id, quantity)
    WHERE s.id = d.id AND s.waiting = 0 AND s.on_hand - s.reserved >= d.quantity;
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken <> cardinality(ids) THEN
        RAISE EXCEPTION 'short' USING ERRCODE = 'P0001';
    END IF;
END $$;
