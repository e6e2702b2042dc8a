-- Nordlys Workshop: builds, sells and services cargo bikes at three sites in northern Norway.
-- An invented company. Money is whole Norwegian kroner (NOK), dates are ISO text (YYYY-MM-DD).
-- What must never be shown to anyone: the table salaries, employees.national_id, customers.card_last4.

CREATE TABLE sites (
    id        INTEGER PRIMARY KEY,
    city      TEXT NOT NULL UNIQUE,
    opened_on TEXT NOT NULL,
    bays      INTEGER NOT NULL            -- repair stands
);

CREATE TABLE employees (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    site_id     INTEGER NOT NULL REFERENCES sites (id),
    role        TEXT NOT NULL,            -- mechanic, sales, stores, manager
    hired_on    TEXT NOT NULL,
    national_id TEXT NOT NULL             -- NEVER EXPOSED
);

CREATE TABLE salaries (                   -- NEVER EXPOSED, the whole table
    employee_id INTEGER NOT NULL REFERENCES employees (id),
    valid_from  TEXT NOT NULL,
    monthly_nok INTEGER NOT NULL,
    note        TEXT NOT NULL,
    PRIMARY KEY (employee_id, valid_from)
);

CREATE TABLE customers (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    type       TEXT NOT NULL,             -- private or business
    city       TEXT NOT NULL,
    since      TEXT NOT NULL,             -- day of the first purchase
    card_last4 TEXT NOT NULL              -- NEVER EXPOSED
);

CREATE TABLE models (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    payload_kg INTEGER NOT NULL,          -- heaviest load, rider not included
    battery_wh INTEGER NOT NULL,
    price_nok  INTEGER NOT NULL           -- list price
);

CREATE TABLE bikes (                      -- bikes that were sold
    id          INTEGER PRIMARY KEY,
    serial      TEXT NOT NULL UNIQUE,     -- NW-48213
    model_id    INTEGER NOT NULL REFERENCES models (id),
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    site_id     INTEGER NOT NULL REFERENCES sites (id),   -- where it was sold
    sold_on     TEXT NOT NULL,
    price_nok   INTEGER NOT NULL          -- price paid, after any discount
);

CREATE TABLE suppliers (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    country   TEXT NOT NULL,
    lead_days INTEGER NOT NULL            -- days from order to arrival
);

CREATE TABLE parts (
    id          INTEGER PRIMARY KEY,
    number      TEXT NOT NULL UNIQUE,     -- NL-204-7B
    name        TEXT NOT NULL,
    category    TEXT NOT NULL,            -- brake, drive, wheel, electric, frame
    supplier_id INTEGER NOT NULL REFERENCES suppliers (id),
    price_nok   INTEGER NOT NULL,         -- for one piece
    stock       INTEGER NOT NULL,         -- pieces on the shelf, all sites together
    reorder_at  INTEGER NOT NULL          -- order more when stock is below this
);

CREATE TABLE service_orders (
    id             INTEGER PRIMARY KEY,
    bike_id        INTEGER NOT NULL REFERENCES bikes (id),
    site_id        INTEGER NOT NULL REFERENCES sites (id),
    mechanic_id    INTEGER NOT NULL REFERENCES employees (id),
    opened_on      TEXT NOT NULL,
    closed_on      TEXT,                  -- NULL while the bike is still here
    job            TEXT NOT NULL,         -- service, repair, warranty, recall
    labour_minutes INTEGER NOT NULL
);

CREATE TABLE service_parts (              -- parts that a service order used
    order_id INTEGER NOT NULL REFERENCES service_orders (id),
    part_id  INTEGER NOT NULL REFERENCES parts (id),
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, part_id)
);

CREATE TABLE invoices (                   -- one for each closed service order; warranty and recall are free
    id         INTEGER PRIMARY KEY,
    order_id   INTEGER NOT NULL UNIQUE REFERENCES service_orders (id),
    issued_on  TEXT NOT NULL,
    due_on     TEXT NOT NULL,
    amount_nok INTEGER NOT NULL,
    paid_on    TEXT                       -- NULL while unpaid
);
